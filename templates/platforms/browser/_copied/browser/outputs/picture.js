// A picture as output, with a link to download it.
import { element, text, translated } from "../texts.js";

/** Show the pixels, RGB or grey, as a PNG, which keeps each; return what is announced. */
export async function show(place, { width, height, data }) {
  const channels = data.length / (width * height);
  const image = new ImageData(width, height);
  for (let pixel = 0; pixel < width * height; pixel++)
    for (let channel = 0; channel < 4; channel++)
      image.data[4 * pixel + channel] =
        channel === 3 ? 255 : data[channels * pixel + (channels === 1 ? 0 : channel)];
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  const url = URL.createObjectURL(await canvas.convertToBlob({ type: "image/png" }));
  const alt = translated("Result");
  place.append(
    element("img", { src: url, alt, width, height }),
    text("a", "Download", { href: url, download: "result.png" }),
  );
  return `${alt}: ${width} x ${height}`;
}

/** Give back the memory of a picture that is shown no more. */
export function clear(place) {
  const shown = place.querySelector("img");
  if (shown) URL.revokeObjectURL(shown.src);
}
