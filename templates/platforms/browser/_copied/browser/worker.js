// The worker: runs model.js off the main thread, where a prediction would freeze the page.

const pictures = self.name === "picture" ? import("./pictures.js") : null;
const loading = load();

async function load() {
  const model = await import("../model.js");
  postMessage({ features: model.FEATURES ?? null });
  await Promise.all([pictures, model.load((done, total) => postMessage({ done, total }))]);
  postMessage({ loaded: true });
  return model;
}

/** Return what `predict` takes: the pixels of a picture's file, another input as it is. */
async function read(input) {
  return input instanceof Blob ? (await pictures).read(input) : input;
}

/** Return what the page shows: a picture as a file, another answer as it is. */
async function written(answer) {
  if (!answer?.width) return answer;
  const { width, height } = answer;
  return { width, height, file: await (await pictures).write(answer) };
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
