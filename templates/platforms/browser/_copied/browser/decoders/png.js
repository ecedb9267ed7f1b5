/** PNG: a decoder with Pillow's pixels, and a writer. A canvas would lose colours under alpha. */

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const CHANNELS = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }; // by type of colour
const DEPTHS = { 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16] };
// Of Adam7: the first column and row of each pass, and the steps.
const PASSES = [
  [0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2],
]; // prettier-ignore

/** Return the size of a PNG, and its EXIF data. */
export function head(bytes) {
  return chunks(bytes);
}

/** Return the pixels of a PNG: {width, height, channels, data}, 3 or 4 bytes a pixel. */
export async function decode(bytes) {
  const png = chunks(bytes);
  const { width, height, depth, colour, interlaced } = png;
  if (!DEPTHS[colour]?.includes(depth)) throw new Error(`a PNG of colour ${colour}, ${depth} bits`);
  const bits = CHANNELS[colour] * depth;
  const passes = (interlaced ? PASSES : [[0, 0, 1, 1]])
    .map(([x, y, dx, dy]) => ({ x, y, dx, dy, w: count(width, x, dx), h: count(height, y, dy) }))
    .filter(({ w, h }) => w && h);
  const lengths = passes.map(({ w, h }) => h * (1 + Math.ceil((w * bits) / 8)));
  const packed = await inflate(png.data, lengths.reduce((sum, n) => sum + n, 0));
  const { channels, put } = painter(png);
  const data = new Uint8Array(width * height * channels);
  let at = 0;
  for (const { x, y, dx, dy, w, h } of passes) {
    const length = Math.ceil((w * bits) / 8);
    const step = Math.max(1, bits >> 3);
    let above = new Uint8Array(length);
    for (let line = 0; line < h; line++) {
      const row = packed.subarray(at + 1, at + 1 + length);
      unfilter(packed[at], row, above, step);
      put(row, w, data, ((y + line * dy) * width + x) * channels, dx * channels);
      above = row;
      at += 1 + length;
    }
  }
  return { width, height, channels, data };
}

function count(size, first, step) {
  return Math.max(0, Math.ceil((size - first) / step));
}

function chunks(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const png = { data: [], palette: null, transparency: null, exif: null };
  for (let at = SIGNATURE.length; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at);
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const part = bytes.subarray(at + 8, at + 8 + size);
    if (name === "IHDR") {
      png.width = view.getUint32(at + 8);
      png.height = view.getUint32(at + 12);
      [png.depth, png.colour, , , png.interlaced] = part.subarray(8);
    } else if (name === "PLTE") png.palette = part;
    else if (name === "tRNS") png.transparency = part;
    else if (name === "eXIf") png.exif = part;
    else if (name === "IDAT") png.data.push(part);
    else if (name === "IEND") break;
    at += 12 + size;
  }
  if (!png.width || !png.height) throw new Error("a PNG without a size");
  return png;
}

/** Return the number of channels, and a function that writes a row of samples as pixels. */
function painter({ depth, colour, palette, transparency }) {
  const bytesEach = depth === 16 ? 2 : 1; // of 16 bits the upper eight are taken
  if (colour === 3) {
    const colours = new Uint8Array(768); // what is missing is black
    colours.set(palette?.subarray(0, 768) ?? []);
    const channels = transparency ? 4 : 3;
    return {
      channels,
      put(row, width, data, to, step) {
        for (let x = 0; x < width; x++, to += step) {
          const index = sample(row, x, depth);
          for (let c = 0; c < 3; c++) data[to + c] = colours[index * 3 + c];
          if (transparency) data[to + 3] = transparency[index] ?? 255;
        }
      },
    };
  }
  const count = CHANNELS[colour];
  const isGrey = count < 3;
  const scale = depth < 8 ? 255 / (2 ** depth - 1) : 1;
  // Pillow drops a grey of 16 bits that is transparent, and has no scale for one of less than 8.
  const key = isGrey && depth === 16 ? null : keyOf(transparency, isGrey ? 1 : 3);
  const hasAlpha = count % 2 === 0;
  const isPlain = depth === 8 && !isGrey && !key;
  return {
    channels: hasAlpha || key ? 4 : 3,
    put(row, width, data, to, step) {
      if (isPlain && step === count) return data.set(row, to);
      for (let x = 0, at = 0; x < width; x++, to += step, at += count * bytesEach) {
        for (let c = 0; c < 3; c++) {
          const grey = depth < 8 ? sample(row, x, depth) * scale : row[at];
          data[to + c] = isGrey ? grey : row[at + c * bytesEach];
        }
        if (hasAlpha) data[to + 3] = row[at + (count - 1) * bytesEach];
        else if (key) data[to + 3] = key.every((value, c) => data[to + c] === value) ? 0 : 255;
      }
    },
  };
}

/** Return the one colour that is transparent, if there is one. */
function keyOf(transparency, count) {
  if (!transparency) return null;
  const values = Array.from({ length: count }, (_, n) => transparency[2 * n + 1]);
  return count === 1 ? [values[0], values[0], values[0]] : values;
}

function sample(row, x, depth) {
  if (depth === 8) return row[x];
  const bit = x * depth;
  return (row[bit >> 3] >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
}

function unfilter(kind, row, above, step) {
  const length = row.length;
  if (kind === 1) {
    for (let n = step; n < length; n++) row[n] += row[n - step];
  } else if (kind === 2) {
    for (let n = 0; n < length; n++) row[n] += above[n];
  } else if (kind === 3) {
    for (let n = 0; n < length; n++) row[n] += ((n < step ? 0 : row[n - step]) + above[n]) >> 1;
  } else if (kind === 4) {
    for (let n = 0; n < step && n < length; n++) row[n] += above[n];
    for (let n = step; n < length; n++) {
      const a = row[n - step];
      const b = above[n];
      const c = above[n - step];
      const pa = Math.abs(b - c);
      const pb = Math.abs(a - c);
      const pc = Math.abs(a + b - 2 * c);
      row[n] += pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
    }
  } else if (kind !== 0) throw new Error("a PNG with a wrong filter");
}

/** Unpack zlib's data, of a known size; what is behind it does not matter. */
async function inflate(parts, size) {
  const out = new Uint8Array(size);
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
  const reader = stream.getReader();
  for (let at = 0; at < size; ) {
    const { done, value } = await reader.read();
    if (done) throw new Error("the PNG is cut off");
    out.set(value.subarray(0, size - at), at);
    at += value.length;
  }
  reader.cancel().catch(() => {});
  return out;
}

/** Return a picture as a PNG file, a Blob: RGB, or grey with one byte a pixel. */
export async function encode({ width, height, data }) {
  const channels = data.length / (width * height);
  const length = width * channels;
  const rows = new Uint8Array(height * (1 + length));
  for (let y = 0; y < height; y++) {
    const to = y * (1 + length) + 1;
    rows[to - 1] = y ? 2 : 0; // the difference to the row above, which packs better
    for (let n = 0, at = y * length; n < length; n++, at++)
      rows[to + n] = data[at] - (y ? data[at - length] : 0);
  }
  const stream = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  const header = new Uint8Array([...big(width), ...big(height), 8, channels === 1 ? 0 : 2, 0, 0, 0]);
  const parts = [chunk("IHDR", header), chunk("IDAT", packed), chunk("IEND", new Uint8Array())];
  return new Blob([new Uint8Array(SIGNATURE), ...parts.flat()], { type: "image/png" });
}

function chunk(name, data) {
  const named = new Uint8Array(4 + data.length);
  named.set([...name].map((letter) => letter.charCodeAt(0)));
  named.set(data, 4);
  return [big(data.length), named, big(checksum(named))];
}

function big(number) {
  return new Uint8Array([number >>> 24, number >>> 16, number >>> 8, number]);
}

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function checksum(bytes) {
  let crc = -1;
  for (let n = 0; n < bytes.length; n++) crc = TABLE[(crc ^ bytes[n]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}
