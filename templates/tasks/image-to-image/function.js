// The model: a colour picture in, a grey one out. Put your own function here; and in model.py.

/** Prepare what `predict` needs: nothing, since this model is a plain function. */
export async function load() {}

/**
 * Convert a picture to grey.
 *
 * @param image RGB, 3 bytes a pixel, 0 to 255.
 * @returns luma by ITU-R BT.601, a byte a pixel, as OpenCV rounds it.
 */
export async function predict({ width, height, data }) {
  const grey = new Uint8Array(width * height);
  for (let n = 0, at = 0; n < grey.length; n++, at += 3)
    grey[n] = (9798 * data[at] + 19235 * data[at + 1] + 3735 * data[at + 2] + 16384) >> 15;
  return { width, height, data: grey };
}
