/** Run functions of pictures.js on files, for tests: a JSON line in, one out for each case. */

import { readFile, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";

globalThis.fetch = async (url) => new Response(await readFile(url)); // Node's knows no files
const pictures = await import(process.argv[2]);

for await (const line of createInterface({ input: process.stdin })) {
  const { source, steps, target } = JSON.parse(line);
  let answer;
  try {
    let picture = await pictures.read(new Blob([await readFile(source)]));
    for (const [name, ...values] of steps) picture = await pictures[name](picture, ...values);
    const isFile = picture instanceof Blob;
    await writeFile(target, isFile ? new Uint8Array(await picture.arrayBuffer()) : picture.data);
    answer = isFile ? {} : { width: picture.width, height: picture.height };
  } catch (error) {
    answer = { error: error.message };
  }
  console.log(JSON.stringify(answer));
}
