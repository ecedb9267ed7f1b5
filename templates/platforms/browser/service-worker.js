// Ours: keeps a copy of the site, so that the page works offline once it was loaded.
//
// Files come from the server while it can be reached, which says of each whether it changed.
// Otherwise all come from one copy, named after what the server said of every file: a new
// version of the site replaces the whole of an older one.

const FILES = [
  "./",
{% for path in (cookiecutter | project).site %}
  {{ path | urlencode | json }},
{% endfor %}
];
const SCOPE = self.registration.scope; // other sites may share the origin, and its caches
const COMPLETE = new URL("complete", SCOPE).href; // written last into a copy
const CONDITIONS = { etag: "If-None-Match", "last-modified": "If-Modified-Since" };

self.addEventListener("install", (event) => {
  event.waitUntil(renew().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  if (method !== "GET" || !url.startsWith(SCOPE)) return;
  event.respondWith(answer(url));
  if (mode === "navigate") event.waitUntil(renew().catch(() => {})); // not while offline
});

async function answer(url) {
  const kept = await (await copy())?.match(url, { ignoreSearch: true });
  try {
    return await current(url, kept);
  } catch (error) {
    if (kept) return kept;
    throw error;
  }
}

/** Return the server's version of a file, which is not sent again if it is the one kept. */
async function current(url, kept) {
  const conditions = Object.entries(CONDITIONS)
    .filter(([name]) => kept?.headers.has(name))
    .map(([name, condition]) => [condition, kept.headers.get(name)]);
  const cache = conditions.length ? "no-store" : "no-cache"; // the copy, or the browser's cache
  const response = await fetch(url, { headers: conditions, cache });
  const isKept = response.status === 304 || (kept && response.status >= 500);
  return isKept ? kept : response;
}

/** Return the newest complete copy. */
async function copy() {
  for (const name of (await caches.keys()).reverse()) {
    if (!name.startsWith(`${SCOPE} `)) continue;
    const found = await caches.open(name);
    if (await found.match(COMPLETE)) return found;
  }
}

/** Make a copy of the site as it is now, unless there is one, and drop the others. */
async function renew() {
  const old = await copy();
  const urls = FILES.map((path) => new URL(path, SCOPE).href);
  const files = await Promise.all(
    urls.map(async (url) => [url, await current(url, await old?.match(url))]),
  );
  const missing = files.find(([, response]) => !response.ok);
  if (missing) throw new Error(`${missing[0]}: ${missing[1].status}`);
  const name = `${SCOPE} ${await version(files)}`;
  const made = await caches.open(name);
  if (!(await made.match(COMPLETE))) {
    await Promise.all(files.map(([url, response]) => made.put(url, response)));
    await made.put(COMPLETE, new Response());
  }
  const others = (await caches.keys()).filter((each) => each !== name);
  await Promise.all(others.filter((each) => each.startsWith(`${SCOPE} `)).map(drop));
}

const drop = (name) => caches.delete(name);

/** Return a digest of what the server says of the files: their hashes or dates, and lengths. */
async function version(files) {
  const names = [...Object.keys(CONDITIONS), "content-length"];
  const said = files.map(([url, { headers }]) => [url, ...names.map((name) => headers.get(name))]);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(said));
  return Array.from(new Uint8Array(digest).slice(0, 8), (byte) => byte.toString(16)).join("");
}
