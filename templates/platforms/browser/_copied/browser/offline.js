// The copy of the site that works offline: the service worker keeps what the page loads.

const PATIENCE = 1000; // milliseconds, for a first visit

/** Wait until the service worker sees what is requested, if there is one. */
export async function controlled() {
  const container = navigator.serviceWorker; // of pages by HTTPS, or on this computer
  if (!container) return;
  try {
    const control = new Promise((done) => {
      container.addEventListener("controllerchange", done, { once: true });
    });
    await container.register("service-worker.js");
    const late = new Promise((done) => setTimeout(done, PATIENCE));
    if (!container.controller) await Promise.race([control, late]);
  } catch (error) {
    console.warn("Not available offline", error);
  }
}

/** Keep what was loaded, and files that are loaded only for some inputs. */
export function keep(files = []) {
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  const later = files.map((path) => new URL(path, document.baseURI).href);
  navigator.serviceWorker?.controller?.postMessage({ files: [...loaded, ...later] });
}
