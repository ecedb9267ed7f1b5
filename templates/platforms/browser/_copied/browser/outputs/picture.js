// A picture as output, with a link to download it.
import { element, text, translated } from "../texts.js";

/** Show a picture's file; return what is announced. */
export function show(place, { width, height, file }) {
  const url = URL.createObjectURL(file);
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
