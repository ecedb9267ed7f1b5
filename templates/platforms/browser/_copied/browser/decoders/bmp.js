/** BMP decoder, as Pillow: palettes, run lengths, 16, 24 and 32 bits, with masks or without. */

// Where red, green, blue and alpha are in four bytes, by their masks; null is none.
const LAYOUTS = {
  "ff0000 ff00 ff 0": [2, 1, 0, null],
  "ff000000 ff0000 ff00 0": [3, 2, 1, null],
  "ff000000 ff00 ff 0": [3, 1, 0, null],
  "ff000000 ff0000 ff00 ff": [3, 2, 1, 0],
  "ff ff00 ff0000 ff000000": [0, 1, 2, 3],
  "ff0000 ff00 ff ff000000": [2, 1, 0, 3],
  "ff000000 ff00 ff ff0000": [3, 1, 0, 2],
  "0 0 0 0": [2, 1, 0, 3],
};
const RLE8 = 1;
const RLE4 = 2;
const MASKS = 3;

/** Return the size of a BMP. */
export function head(bytes) {
  const { width, height } = parse(bytes);
  return { width, height, exif: null };
}

/** Return the pixels of a BMP: {width, height, channels, data}, 3 or 4 bytes a pixel. */
export function decode(bytes) {
  const bmp = parse(bytes);
  const { width, height, bits, compression } = bmp;
  const isRun = compression === RLE8 || compression === RLE4;
  const stride = isRun ? width : ((width * bits + 31) >> 3) & ~3;
  const pixels = isRun ? runs(bytes, bmp) : bytes.subarray(bmp.offset);
  if (pixels.length < stride * (height - 1) + Math.ceil((width * (isRun ? 8 : bits)) / 8))
    throw new Error("the BMP is cut off");
  const { channels, colour } = painter(bmp, isRun ? 8 : bits);
  const data = new Uint8Array(width * height * channels);
  for (let y = 0, to = 0; y < height; y++) {
    const row = pixels.subarray((bmp.isDown ? y : height - 1 - y) * stride);
    for (let x = 0; x < width; x++, to += channels) colour(row, x, data, to);
  }
  return { width, height, channels, data };
}

function parse(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const short = (at) => view.getUint16(at, true);
  const long = (at) => view.getUint32(at, true);
  const size = long(14);
  const isOld = size === 12;
  if (!isOld && ![40, 52, 56, 64, 108, 124].includes(size)) throw new Error("a BMP of a new kind");
  const isDown = !isOld && bytes[25] === 0xff;
  const bmp = isOld
    ? { width: short(18), height: short(20), bits: short(24), compression: 0, colours: 0 }
    : { width: long(18), height: long(22), bits: short(28), compression: long(30), colours: long(46) };
  if (isDown) bmp.height = 2 ** 32 - bmp.height;
  if (![1, 4, 8, 16, 24, 32].includes(bmp.bits) || !bmp.width || !bmp.height)
    throw new Error(`a BMP of ${bmp.width} x ${bmp.height}, ${bmp.bits} bits`);
  if (bmp.compression > MASKS) throw new Error("a BMP with another format in it");
  const colours = bmp.colours || 2 ** bmp.bits;
  const each = isOld ? 3 : 4;
  const hasPalette = bmp.bits <= 8;
  let offset = long(10);
  let table = 14 + size;
  if (offset === table && hasPalette) offset += each * colours;
  if (bmp.compression === MASKS) {
    const count = size >= 56 ? 4 : 3;
    bmp.masks = [0, 1, 2, 3].map((n) => (n < count ? long(54 + 4 * n) : 0).toString(16)).join(" ");
    if (size === 40) table += 12;
  }
  if (hasPalette) bmp.palette = palette(bytes.subarray(table, table + each * colours), each, colours);
  return { ...bmp, isDown, offset: offset || table + (hasPalette ? each * colours : 0) };
}

/** Return the colours as RGB; those that are missing are black. */
function palette(table, each, colours) {
  const grey = colours === 2 ? [0, 255] : [...Array(Math.min(colours, 256)).keys()];
  const isGrey = grey.every((n, at) => [0, 1, 2].every((c) => table[at * each + c] === n));
  const out = new Uint8Array(768);
  for (let n = 0; n < 256; n++)
    for (let c = 0; c < 3; c++) out[n * 3 + c] = isGrey ? (grey[n] ?? n) : (table[n * each + 2 - c] ?? 0);
  return out;
}

/** Return the number of channels, and a function that writes a pixel of a row. */
function painter({ compression, masks, palette }, bits) {
  if (bits <= 8) {
    const colour = (row, x, data, to) => {
      const index = (row[(x * bits) >> 3] >> (8 - bits - ((x * bits) & 7))) & ((1 << bits) - 1);
      for (let c = 0; c < 3; c++) data[to + c] = palette[index * 3 + c];
    };
    return { channels: 3, colour };
  }
  if (bits === 16) {
    const green = compression === MASKS && masks.startsWith("f800 7e0 1f") ? 63 : 31;
    if (compression === MASKS && green === 31 && !masks.startsWith("7c00 3e0 1f"))
      throw new Error("a BMP with other masks");
    const colour = (row, x, data, to) => {
      const value = row[2 * x] | (row[2 * x + 1] << 8);
      data[to] = (((value >> (green === 63 ? 11 : 10)) & 31) * 255) / 31;
      data[to + 1] = (((value >> 5) & green) * 255) / green;
      data[to + 2] = ((value & 31) * 255) / 31;
    };
    return { channels: 3, colour };
  }
  const places = bits === 32 && compression === MASKS ? LAYOUTS[masks] : [2, 1, 0, null];
  if (!places || (bits === 24 && masks && !masks.startsWith("ff0000 ff00 ff ")))
    throw new Error("a BMP with other masks");
  const channels = places[3] === null ? 3 : 4;
  const colour = (row, x, data, to) => {
    for (let c = 0; c < channels; c++) data[to + c] = row[(x * bits) / 8 + places[c]];
  };
  return { channels, colour };
}

/** Unpack run lengths, to a byte a pixel. */
function runs(bytes, { width, height, offset, compression }) {
  const out = new Uint8Array(width * height);
  const isHalf = compression === RLE4;
  let [at, to, x] = [offset, 0, 0];
  while (to < out.length && at + 1 < bytes.length) {
    const [count, value] = [bytes[at++], bytes[at++]];
    if (count) {
      const length = Math.min(count, Math.max(0, width - x));
      const pair = isHalf ? [value >> 4, value & 15] : [value, value];
      for (let n = 0; n < length; n++) out[to++] = pair[n % 2];
      x += length;
    } else if (value === 0) {
      to = Math.ceil(to / width) * width;
      x = 0;
    } else if (value === 1) break;
    else if (value === 2) {
      to += bytes[at++];
      to += bytes[at++] * width;
      x = to % width;
    } else {
      const length = isHalf ? value >> 1 : value;
      for (const byte of bytes.subarray(at, at + length)) {
        if (isHalf) out[to++] = byte >> 4;
        out[to++] = isHalf ? byte & 15 : byte;
      }
      at += length + (length % 2);
      x += value;
    }
  }
  if (to < out.length) throw new Error("the BMP is cut off");
  return out;
}
