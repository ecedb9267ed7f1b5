/** GIF decoder: the first picture of a file, as Pillow has it. */

/** Return the size of a GIF; its first picture can be larger than it says. */
export function head(bytes) {
  const { width, height } = parse(bytes);
  return { width, height, exif: null };
}

/** Return the pixels of a GIF: {width, height, channels, data}, 3 or 4 bytes a pixel. */
export function decode(bytes) {
  const { width, height, picture, palette, transparent, at } = parse(bytes);
  const indices = new Uint8Array(width * height).fill(transparent ?? 0);
  const lines = unpack(blocks(bytes, at + 1), bytes[at], picture.w * picture.h);
  order(picture).forEach((y, n) => {
    const line = lines.subarray(n * picture.w, (n + 1) * picture.w);
    indices.set(line, (picture.y + y) * width + picture.x);
  });
  const isGrey = !palette || palette.every((value, n) => value === Math.floor(n / 3));
  const channels = transparent === null ? 3 : 4;
  const data = new Uint8Array(width * height * channels);
  for (let n = 0, to = 0; n < indices.length; n++, to += channels) {
    for (let c = 0; c < 3; c++) data[to + c] = isGrey ? indices[n] : palette[indices[n] * 3 + c];
    if (channels === 4) data[to + 3] = indices[n] === transparent ? 0 : 255;
  }
  return { width, height, channels, data };
}

function parse(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let palette = null;
  let transparent = null;
  let at = 13;
  const table = (flags) => {
    const found = flags & 128 ? bytes.subarray(at, at + (6 << (flags & 7))) : null;
    at += found?.length ?? 0;
    return found;
  };
  palette = table(bytes[10]);
  while (at < bytes.length) {
    const kind = bytes[at++];
    if (kind === 0x3b) break; // the end
    if (kind === 0x21) {
      if (bytes[at] === 0xf9 && bytes[at + 2] & 1) transparent = bytes[at + 5];
      for (at++; bytes[at]; ) at += 1 + bytes[at];
      at++;
    } else if (kind === 0x2c) {
      const [x, y, w, h] = [0, 2, 4, 6].map((n) => view.getUint16(at + n, true));
      const flags = bytes[at + 8];
      at += 9;
      palette = table(flags) ?? palette;
      const width = Math.max(view.getUint16(6, true), x + w);
      const height = Math.max(view.getUint16(8, true), y + h);
      const picture = { x, y, w, h, interlaced: flags & 64 };
      return { width, height, picture, palette, transparent, at };
    }
  }
  throw new Error("a GIF without a picture");
}

/** Return the rows in the order in which the file has them. */
function order({ h, interlaced }) {
  const passes = interlaced ? [[0, 8], [4, 8], [2, 4], [1, 2]] : [[0, 1]];
  const rows = [];
  for (const [first, step] of passes) for (let y = first; y < h; y += step) rows.push(y);
  return rows;
}

/** Return the data of a list of blocks, joined. */
function blocks(bytes, at) {
  const parts = [];
  for (; bytes[at]; at += 1 + bytes[at]) parts.push(bytes.subarray(at + 1, at + 1 + bytes[at]));
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let to = 0;
  for (const part of parts) {
    out.set(part, to);
    to += part.length;
  }
  return out;
}

/** Unpack LZW codes. */
function unpack(packed, smallest, size) {
  if (smallest > 12) throw new Error("the GIF is damaged");
  const out = new Uint8Array(size);
  const [clear, end] = [1 << smallest, (1 << smallest) + 1];
  const before = new Uint16Array(4096);
  const last = new Uint8Array(4096);
  const stack = new Uint8Array(4097);
  for (let n = 0; n < clear; n++) last[n] = n;
  let [length, next, old, first] = [smallest + 1, end + 1, -1, 0];
  let [bits, buffer, at, to] = [0, 0, 0, 0];
  while (to < size) {
    for (; bits < length; bits += 8) {
      if (at >= packed.length) throw new Error("the GIF is cut off");
      buffer |= packed[at++] << bits;
    }
    let code = buffer & ((1 << length) - 1);
    buffer >>>= length;
    bits -= length;
    if (code === clear) {
      [length, next, old] = [smallest + 1, end + 1, -1];
      continue;
    }
    if (code === end) throw new Error("the GIF is cut off");
    if (code > next || (old < 0 && code > clear)) throw new Error("the GIF is damaged");
    const given = code;
    let depth = 0;
    if (code === next) {
      stack[depth++] = first;
      code = old;
    }
    for (; code > end; code = before[code]) stack[depth++] = last[code];
    first = last[code];
    stack[depth++] = first;
    while (depth && to < size) out[to++] = stack[--depth];
    if (old >= 0 && next < 4096) {
      [before[next], last[next]] = [old, first];
      next++;
      if (next === 1 << length && length < 12) length++;
    }
    old = given;
  }
  return out;
}
