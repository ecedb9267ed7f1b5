/** Pictures: read the files that visitors choose, resize them, and write those that they get.
 *
 * The pixels are those of Pillow, from the same file, to the last bit: the decoders are here, not
 * the browser's. A picture is {width, height, data}; data has 3 bytes a pixel, RGB, or one, grey.
 */

import * as bmp from "./decoders/bmp.js";
import * as gif from "./decoders/gif.js";
import * as jpeg from "./decoders/jpeg.js";
import * as png from "./decoders/png.js";
import * as webp from "./decoders/webp.js";
import { VisitorError } from "./errors.js";

// More is refused, as by the app in Python: a phone's tab has little memory.
const MEGAPIXELS = 25;
const MEGAPIXELS_OF = { WEBP: 15 };
const SIDE = 65_500; // pixels
const FORMATS = {
  BMP: { decoder: bmp, mark: /^BM/ },
  GIF: { decoder: gif, mark: /^GIF8[79]a/ },
  JPEG: { decoder: jpeg, mark: /^\xff\xd8\xff/ },
  PNG: { decoder: png, mark: /^\x89PNG\r\n\x1a\n/ },
  WEBP: { decoder: webp, mark: /^RIFF[^]{4}WEBP/ },
};

/** Return the pixels of a picture, rotated as its EXIF orientation says.
 *
 * @param {Blob | null} blob the chosen file, or null for none.
 * @returns RGB, 3 bytes a pixel, 0 to 255; white where it is transparent.
 * @throws {VisitorError} what is wrong with the file.
 */
export async function read(blob) {
  if (!blob) throw new VisitorError("Choose a picture first.");
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const start = String.fromCharCode(...bytes.subarray(0, 16));
  const format = Object.keys(FORMATS).find((name) => FORMATS[name].mark.test(start));
  try {
    const { decoder } = FORMATS[format];
    const { width, height } = decoder.head(bytes);
    check(width, height, MEGAPIXELS_OF[format] ?? MEGAPIXELS);
    const picture = onWhite(await decoder.decode(bytes));
    return turned(picture, orientation(decoder.head(bytes).exif));
  } catch (error) {
    if (error instanceof VisitorError) throw error;
    const formats = Object.keys(FORMATS).join(", ");
    throw new VisitorError("This is not a picture in one of {formats}.", { formats });
  }
}

function check(width, height, most) {
  if (width * height <= most * 1e6 && Math.max(width, height) <= SIDE) return;
  throw new VisitorError(
    "The picture has {width} x {height} pixels: at most {most} " +
      "megapixels and sides of {side} are accepted.",
    { width, height, most, side: SIDE },
  );
}

/** Return a picture of 4 bytes a pixel, the last of them alpha, in RGB on white. */
function onWhite({ width, height, channels, data }) {
  if (channels !== 4) return { width, height, data };
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    const alpha = data[from + 3];
    for (let c = 0; c < 3; c++) {
      const sum = 255 * (255 - alpha) + data[from + c] * alpha + 128;
      rgb[to + c] = (sum + (sum >> 8)) >> 8;
    }
  }
  return { width, height, data: rgb };
}

/** Return the EXIF orientation, 1 to 8; 1 if there is none. */
function orientation(exif) {
  if (!exif) return 1;
  let at = 0;
  while (String.fromCharCode(...exif.subarray(at, at + 6)) === "Exif\0\0") at += 6;
  const tiff = new DataView(exif.buffer, exif.byteOffset + at, exif.byteLength - at);
  try {
    const little = tiff.getUint16(0) === 0x4949;
    const start = tiff.getUint32(4, little);
    const count = tiff.getUint16(start, little);
    for (let n = 0; n < count; n++) {
      const tag = start + 2 + 12 * n;
      if (tiff.getUint16(tag, little) === 0x0112) return tiff.getUint16(tag + 8, little);
    }
  } catch {
    // it is cut off
  }
  return 1;
}

/** Turn and flip a picture as an orientation of EXIF says. */
function turned({ width, height, data }, orientation) {
  if (!(orientation > 1 && orientation < 9)) return { width, height, data };
  const swaps = orientation > 4;
  const [w, h] = swaps ? [height, width] : [width, height];
  const flipsX = [2, 3, 7, 8].includes(orientation); // the place in the file, from the right
  const flipsY = [3, 4, 6, 7].includes(orientation); // from the bottom
  const out = new Uint8Array(data.length);
  for (let y = 0, to = 0; y < h; y++)
    for (let x = 0; x < w; x++, to += 3) {
      const [a, b] = swaps ? [y, x] : [x, y];
      const from = ((flipsY ? height - 1 - b : b) * width + (flipsX ? width - 1 - a : a)) * 3;
      [out[to], out[to + 1], out[to + 2]] = [data[from], data[from + 1], data[from + 2]];
    }
  return { width: w, height: h, data: out };
}

/** Return a picture in grey, as Pillow's "L": luma by ITU-R BT.601. */
export function grey({ width, height, data }) {
  const out = new Uint8Array(width * height);
  for (let n = 0, at = 0; n < out.length; n++, at += 3)
    out[n] = (data[at] * 19595 + data[at + 1] * 38470 + data[at + 2] * 7471 + 0x8000) >> 16;
  return { width, height, data: out };
}

/** Return a picture with red and blue swapped. */
export function swapped({ width, height, data }) {
  const out = data.slice();
  for (let at = 0; at < out.length; at += 3) [out[at], out[at + 2]] = [data[at + 2], data[at]];
  return { width, height, data: out };
}

/** Return the middle of a picture in another size: Pillow's ImageOps.fit, bilinear.
 *
 * @param crop the part of the shorter side that is taken.
 */
export function fit(picture, width, height, crop) {
  const bleed = (1 - crop) / 2;
  const [x, y] = [bleed * picture.width, bleed * picture.height];
  const [w, h] = [picture.width - x * 2, picture.height - y * 2];
  const [is, wanted] = [w / h, width / height];
  const [cw, ch] = is === wanted ? [w, h] : is >= wanted ? [wanted * h, h] : [w, w / wanted];
  const [left, top] = [x + (w - cw) * 0.5, y + (h - ch) * 0.5];
  return resize(picture, width, height, [left, top, left + cw, top + ch]);
}

/** Return a picture in another size: Pillow's resize, bilinear, with antialiasing.
 *
 * @param box the part of the picture that is taken: left, top, right, bottom.
 */
export function resize(picture, width, height, box = [0, 0, picture.width, picture.height]) {
  const channels = picture.data.length / (picture.width * picture.height);
  const [left, top, right, bottom] = box.map(Math.fround);
  const columns = weights(picture.width, left, right, width);
  const rows = weights(picture.height, top, bottom, height);
  const passes = [
    (each) => across(each, width, columns, channels),
    (each) => down(each, height, rows, channels),
  ];
  // Pillow shrinks a column of pixels downwards first, which rounds otherwise.
  if (picture.height > picture.width * 100 && height < picture.height) passes.reverse();
  return passes.reduce((result, pass) => pass(result), picture);
}

const BITS = 22; // of a weight behind the point: 32, but for a byte and two for the sum
const HALF = 1 << (BITS - 1);

/** Return the weights of the pixels for each pixel of the result; null if nothing changes. */
function weights(size, from, to, count) {
  if (size === count && from === 0 && to === size) return null;
  const scale = Math.fround(to - from) / count;
  const reach = Math.max(scale, 1);
  return Array.from({ length: count }, (_, n) => {
    const center = from + (n + 0.5) * scale;
    const first = Math.max(Math.trunc(center - reach + 0.5), 0);
    const end = Math.min(Math.trunc(center + reach + 0.5), size);
    const parts = [];
    let sum = 0;
    for (let at = first; at < end; at++) {
      const far = Math.abs((at - center + 0.5) * (1 / reach));
      parts.push(far < 1 ? 1 - far : 0);
      sum += parts.at(-1);
    }
    const whole = parts.map((part) => Math.trunc(0.5 + (sum ? part / sum : part) * (1 << BITS)));
    return { first, parts: Int32Array.from(whole) };
  });
}

function across(picture, count, columns, channels) {
  if (!columns) return picture;
  const { width, height, data } = picture;
  const out = new Uint8Array(count * height * channels);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < count; x++) {
      const { first, parts } = columns[x];
      for (let c = 0; c < channels; c++) {
        let sum = HALF;
        let at = (y * width + first) * channels + c;
        for (let n = 0; n < parts.length; n++, at += channels) sum += data[at] * parts[n];
        out[(y * count + x) * channels + c] = clip(sum >> BITS);
      }
    }
  return { width: count, height, data: out };
}

function down(picture, count, rows, channels) {
  if (!rows) return picture;
  const { width, data } = picture;
  const length = width * channels;
  const out = new Uint8Array(count * length);
  for (let y = 0; y < count; y++) {
    const { first, parts } = rows[y];
    for (let x = 0; x < length; x++) {
      let sum = HALF;
      for (let n = 0, at = first * length + x; n < parts.length; n++, at += length)
        sum += data[at] * parts[n];
      out[y * length + x] = clip(sum >> BITS);
    }
  }
  return { width, height: count, data: out };
}

function clip(value) {
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

/** Return a picture as a file, a Blob.
 *
 * @param format "PNG" keeps every pixel as it is, for masks and the like; "JPEG", which does not,
 *   is smaller.
 */
export async function write(picture, format = "PNG") {
  if (format === "PNG" || typeof OffscreenCanvas === "undefined") return png.encode(picture);
  const { width, height, data } = picture;
  const channels = data.length / (width * height);
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let from = 0, to = 0; to < rgba.length; from += channels, to += 4)
    for (let c = 0; c < 3; c++) rgba[to + c] = data[from + (channels === 1 ? 0 : c)];
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(new ImageData(rgba, width, height), 0, 0);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
}
