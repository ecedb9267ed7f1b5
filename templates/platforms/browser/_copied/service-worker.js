// Keeps a copy of the site, so that the page works offline once it was loaded.
//
// Files come from the server while it can be reached, which says of each whether it changed.
// Otherwise all come from one copy, named after what the server said of every file: a new
// version of the site replaces the whole of an older one.

const SCOPE = self.registration.scope; // other sites may share the origin, and its caches
const COPY = `${SCOPE} copy `;
const INCOMING = `${SCOPE} incoming`; // files that the copy does not have yet
const COMPLETE = new URL("complete", SCOPE).href; // written last into a copy
const arriving = new Set(); // promises of files that are written into it
const CONDITIONS = { etag: "If-None-Match", "last-modified": "If-Modified-Since" };

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && url.startsWith(SCOPE)) event.respondWith(answer(event, url));
});

// A page that was loaded says from which files; offline, the copy stays as it is.
self.addEventListener("message", (event) => {
  event.waitUntil(renew(event.data.files).catch((error) => console.warn(error)));
});

async function answer(event, url) {
  const kept = await (await copy())?.match(url, { ignoreSearch: true, ignoreVary: true });
  try {
    const response = await current(url, kept);
    // Browsers refuse a page that came by way of another address, such as / for /index.html.
    if (response.redirected && event.request.mode === "navigate")
      return Response.redirect(response.url);
    if (response.ok && response !== kept) {
      event.waitUntil(receive(url, response.clone()));
    }
    return response;
  } catch (error) {
    if (kept) return kept;
    throw error;
  }
}

/** Write a file into those that are new, so that renewing does not download it again. */
async function receive(url, response) {
  const written = caches.open(INCOMING).then((cache) => cache.put(url, response));
  arriving.add(written);
  await written.catch((error) => console.warn(error)).finally(() => arriving.delete(written));
}

/** Return the server's version of a file, which is not sent again if it is the one kept. */
async function current(url, kept) {
  const conditions = Object.entries(CONDITIONS)
    .filter(([name]) => kept?.headers.has(name))
    .map(([name, condition]) => [condition, kept.headers.get(name)]);
  const cache = conditions.length ? "no-store" : "no-cache"; // ours, or the browser's
  const response = await fetch(url, { headers: conditions, cache });
  // Other errors than these, such as 429 of too many requests, say nothing of the file.
  const isKept = kept && !response.ok && ![404, 410].includes(response.status);
  return isKept ? kept : response;
}

/** Return the newest complete copy. */
async function copy() {
  for (const name of (await caches.keys()).reverse()) {
    if (!name.startsWith(COPY)) continue;
    const found = await caches.open(name);
    if (await found.match(COMPLETE)) return found;
  }
}

/** Make a copy of the site as it is now, unless there is one, and drop the others. */
async function renew(loaded) {
  await Promise.allSettled(arriving);
  const [old, incoming] = [await copy(), await caches.open(INCOMING)];
  const known = [...((await old?.keys()) ?? []), ...(await incoming.keys())];
  const urls = new Set([SCOPE, ...loaded, ...known.map(({ url }) => url)]);
  urls.delete(COMPLETE);
  const files = [];
  for (const url of [...urls].filter((each) => each.startsWith(SCOPE)).sort()) {
    const response = await current(url, (await incoming.match(url)) ?? (await old?.match(url)));
    if (response.ok) files.push([url, response]); // others are no longer part of the site
  }
  const name = COPY + (await version(files));
  const made = await caches.open(name);
  if (!(await made.match(COMPLETE))) {
    for (const [url, response] of files) await made.put(url, response);
    await made.put(COMPLETE, new Response());
  }
  const copies = (await caches.keys()).filter((each) => each.startsWith(COPY));
  await Promise.all(copies.filter((each) => each !== name).map((each) => caches.delete(each)));
  await Promise.all(files.map(([url]) => incoming.delete(url)));
}

/** Return a digest of what the server says of the files: their hashes or dates, and lengths. */
async function version(files) {
  const names = [...Object.keys(CONDITIONS), "content-length"];
  const said = files.map(([url, { headers }]) => [url, ...names.map((name) => headers.get(name))]);
  const bytes = new TextEncoder().encode(JSON.stringify(said));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest.slice(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
