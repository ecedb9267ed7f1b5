// The worker: runs model.js off the main thread, where a prediction would freeze the page.

const loading = load();

async function load() {
  const model = await import("../model.js");
  postMessage({ features: model.FEATURES ?? null });
  await model.load((done, total) => postMessage({ done, total }));
  postMessage({ loaded: true });
  return model;
}

/** Return what `predict` takes: the pixels of a picture file, another input as it is. */
async function prepared(input) {
  if (!(input instanceof Blob)) return input;
  const { read } = await import("./pictures.js");
  return read(input);
}

addEventListener("message", async ({ data: { id, input } }) => {
  try {
    const given = await prepared(input); // what is wrong with it is said before the model is here
    const model = await loading;
    const answer = await model.predict(given);
    postMessage({ id, answer }, answer?.data?.buffer ? [answer.data.buffer] : []);
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
