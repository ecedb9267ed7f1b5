/** Download files of the site, with their progress; .gz is unpacked. */

/** Return the bytes of a file.
 *
 * @param {URL | string} url of the file; one that is packed, .gz, is unpacked.
 * @param {(done: number, total: number) => void} [onProgress] called with the bytes so far and
 *   those of the whole file, as they are on the way; a total of 0 is not known.
 */
export async function download(url, onProgress = () => {}) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${new URL(url).pathname}: the server says ${answer.status}`);
  // What the server packed on the way has another length when it is unpacked.
  const isPacked = answer.headers.get("Content-Encoding");
  const total = isPacked ? 0 : Number(answer.headers.get("Content-Length"));
  const parts = [];
  let done = 0;
  for (const reader = answer.body.getReader(); ; ) {
    const part = await reader.read();
    if (part.done) break;
    parts.push(part.value);
    done += part.value.length;
    onProgress(done, total);
  }
  const blob = new Blob(parts);
  const [first, second] = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
  // Some servers send a .gz as a packed text, and the browser has unpacked it already.
  const isGzip = first === 0x1f && second === 0x8b && String(url).endsWith(".gz");
  if (!isGzip) return new Uint8Array(await blob.arrayBuffer());
  const unpacked = blob.stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}
