// The model in a worker, as the page sees it: ask for an answer, or stop it.
import { VisitorError } from "./errors.js";

const MEMORY = /memory|allocat|out of bounds/i; // in what browsers and WebAssembly say

export class Runner {
  /**
   * @param {string} kind of input
   * @param {(state: {done?: number, total?: number, loaded?: boolean, error?: Error}) => void}
   *   onProgress called with the bytes of the model so far, once it is there, or if that failed
   */
  constructor(kind, onProgress) {
    this.kind = kind;
    this.onProgress = onProgress;
    this.start();
  }

  /** Start a worker, which loads the model at once. */
  start() {
    this.calls = new Map();
    this.last = 0;
    this.hasFailed = false;
    const worker = new Worker(new URL("worker.js", import.meta.url), {
      type: "module",
      name: this.kind, // what goes in
    });
    this.worker = worker;
    this.features = new Promise((resolve, reject) => {
      worker.addEventListener("message", ({ data }) => {
        if ("features" in data) resolve(data.features);
        else if ("id" in data) this.settle(data);
        else if ("failed" in data) this.fail(data.failed, reject);
        else this.onProgress(data);
      });
      worker.addEventListener("error", (event) => this.fail(event.message, reject));
    });
    this.features.catch(() => {}); // who waits for it is told
  }

  /** Return the model's answer; a worker that failed is started again. */
  predict(input) {
    if (this.hasFailed) this.start();
    const id = ++this.last;
    const answer = new Promise((resolve, reject) => this.calls.set(id, { resolve, reject }));
    this.worker.postMessage({ id, input });
    return answer;
  }

  /** Give up what runs: only the end of its worker stops a computation. */
  stop() {
    this.worker.terminate();
    this.start();
  }

  settle({ id, answer, error }) {
    const call = this.calls.get(id);
    this.calls.delete(id);
    if (!error) call?.resolve(answer);
    else call?.reject(error.text ? new VisitorError(error.text, error.values) : failure(error));
  }

  fail(message, reject) {
    if (this.hasFailed) return;
    this.hasFailed = true;
    this.worker.terminate();
    const error = MEMORY.test(message) ? failure({ message }) : new VisitorError(NOT_LOADED);
    reject(error);
    for (const call of this.calls.values()) call.reject(error);
    this.calls.clear();
    this.onProgress({ error });
  }
}

const NOT_LOADED = "The model could not be loaded. Check the connection, and try again.";

function failure({ message }) {
  return new VisitorError(
    MEMORY.test(message)
      ? "This device has not enough memory for the model."
      : "The prediction failed. The browser's console says why.",
  );
}
