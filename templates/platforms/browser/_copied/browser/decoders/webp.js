/** WebP decoder: libwebp itself, in WebAssembly; the first picture of an animation. */

import { download } from "../download.js";

const WASM = new URL("../vendor/webp/webp_dec.wasm.gz", import.meta.url);
const ALPHA = 16; // a flag of VP8X
let library;

async function load() {
  const [{ default: create }, wasm] = await Promise.all([
    import("../vendor/webp/webp_dec.js"),
    download(WASM).then((bytes) => WebAssembly.compile(bytes)),
  ]);
  const instantiateWasm = (imports, done) => {
    WebAssembly.instantiate(wasm, imports).then(done);
    return {};
  };
  return create({ noInitialRun: true, instantiateWasm });
}

/** Return the size of a WebP, and its EXIF data. */
export function head(bytes) {
  return parse(bytes);
}

/** Return the pixels of a WebP: {width, height, channels, data}, 3 or 4 bytes a pixel. */
export async function decode(bytes) {
  const { width, height, hasAlpha, first } = parse(bytes);
  library ??= load();
  const { decode } = await library;
  const picture = decode(first ? first.file : bytes);
  if (!picture) throw new Error("the WebP is damaged");
  let { data } = picture;
  if (first) {
    data = new Uint8Array(width * height * 4);
    for (let y = 0; y < picture.height; y++) {
      const row = picture.data.subarray(y * picture.width * 4, (y + 1) * picture.width * 4);
      data.set(row, ((first.y + y) * width + first.x) * 4);
    }
  }
  if (hasAlpha) return { width, height, channels: 4, data };
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3)
    [rgb[to], rgb[to + 1], rgb[to + 2]] = [data[from], data[from + 1], data[from + 2]];
  return { width, height, channels: 3, data: rgb };
}

function parse(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = { width: 0, height: 0, hasAlpha: false, exif: null, first: null };
  const three = (at) => view.getUint16(at, true) | (bytes[at + 2] << 16);
  // libwebp takes the size from the first chunk, and so must who asks how large it is.
  const start = String.fromCharCode(...bytes.subarray(12, 16));
  if (!["VP8X", "VP8 ", "VP8L"].includes(start)) throw new Error("a WebP without a size");
  for (const { name, at, size } of chunks(bytes, view, 12)) {
    if (name === "VP8X" && at === 20) {
      [found.width, found.height] = [three(at + 4) + 1, three(at + 7) + 1];
      found.hasAlpha = (bytes[at] & ALPHA) > 0;
    } else if (name === "ANMF" && start === "VP8X" && !found.first) {
      const parts = [...chunks(bytes, view, at + 16, at + size)];
      const alone = parts.filter((part) => ["ALPH", "VP8 ", "VP8L"].includes(part.name));
      const frame = { width: three(at + 6) + 1, height: three(at + 9) + 1 };
      const file = simple(alone.map((part) => bytes.subarray(part.at - 8, part.end)), frame);
      found.first = { x: three(at) * 2, y: three(at + 3) * 2, file };
      if (found.first.x + frame.width > found.width || found.first.y + frame.height > found.height)
        throw new Error("a WebP with a picture beyond its edge");
    } else if (name === "EXIF") {
      found.exif = bytes.subarray(at, at + size);
    } else if (name === "VP8 " && !found.width) {
      [found.width, found.height] = [6, 8].map((n) => view.getUint16(at + n, true) & 0x3fff);
    } else if (name === "VP8L" && !found.width) {
      const bits = view.getUint32(at + 1, true);
      [found.width, found.height] = [(bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1];
      found.hasAlpha = (bits & (1 << 28)) !== 0;
    }
  }
  if (!found.width || !found.height) throw new Error("a WebP without a size");
  return found;
}

function* chunks(bytes, view, from, end = bytes.length) {
  for (let at = from; at + 8 <= end; ) {
    const size = view.getUint32(at + 4, true);
    const last = Math.min(at + 8 + size + (size % 2), end);
    const name = String.fromCharCode(...bytes.subarray(at, at + 4));
    yield { name, at: at + 8, size, end: last };
    at = last;
  }
}

/** Return a file of one picture, from a frame of an animation. */
function simple(parts, { width, height }) {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const file = new Uint8Array(30 + size);
  const view = new DataView(file.buffer);
  file.set([...("RIFF    WEBPVP8X")].map((letter) => letter.charCodeAt(0)));
  view.setUint32(4, 22 + size, true);
  view.setUint32(16, 10, true);
  file[20] = ALPHA;
  view.setUint32(24, width - 1, true); // three bytes, and those of the height over the fourth
  view.setUint16(27, height - 1, true);
  file[29] = (height - 1) >> 16;
  let at = 30;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file.buffer;
}
