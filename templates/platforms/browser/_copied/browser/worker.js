// The worker: runs model.js off the main thread, where a prediction would freeze the page.

const pictures = () => import("./pictures.js"); // once
const loading = load();

async function load() {
  const model = await import("../model.js");
  postMessage({ features: model.FEATURES ?? null });
  const progress = (done, total) => postMessage({ done, total });
  await Promise.all([self.name === "picture" && pictures(), model.load(progress)]);
  postMessage({ loaded: true });
  return model;
}

/** Return what `predict` takes: the pixels of a picture's file, another input as it is. */
async function read(input) {
  return input instanceof Blob ? (await pictures()).read(input) : input;
}

/** Return an answer as the page shows it: a picture with its file. */
async function written(answer) {
  const isPicture = answer?.data instanceof Uint8Array;
  return isPicture ? { ...answer, file: await (await pictures()).write(answer) } : answer;
}

addEventListener("message", async ({ data: { id, input } }) => {
  try {
    const value = await read(input); // what is wrong with it is said before the model is here
    const model = await loading;
    postMessage({ id, answer: await written(await model.predict(value)) });
  } catch (error) {
    console.error(error);
    const { name, text, values, message } = error;
    postMessage({ id, error: name === "VisitorError" ? { text, values } : { message } });
  }
});

loading.catch((error) => {
  console.error(error);
  postMessage({ failed: String(error.message) });
});
