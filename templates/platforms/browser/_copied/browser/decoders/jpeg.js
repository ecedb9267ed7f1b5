/** JPEG decoder: libjpeg-turbo's pixels to the last bit, as Pillow has them.
 *
 * Browsers decode with libraries of their own, and hand out the pixels through a canvas, which
 * some of them change against tracking. So a picture would go into the model otherwise than in
 * training. Baseline and progressive files of 8 bits; the slow integer IDCT and the smooth
 * upsampling of colours, which are libjpeg's defaults.
 */

const ORDER = new Uint8Array([
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
  13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52,
  45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
  ...new Array(16).fill(63), // a run beyond the end of a block
]);
const EXIF = "Exif\0\0";
const COMPONENTS = 4; // more are no colours
const SCANS = 100; // each goes through the whole picture, however few bytes it has

/** Return the size of a JPEG, and its EXIF data. */
export function head(bytes) {
  const found = parse(bytes, true);
  return { width: found.width, height: found.height, exif: found.exif };
}

/** Return the pixels of a JPEG: {width, height, data}, data with 3 bytes a pixel, RGB. */
export function decode(bytes) {
  const frame = parse(bytes, false);
  const { width, height, components } = frame;
  const planes = components.map((each) => upsampled(each, frame));
  const data = new Uint8Array(width * height * 3);
  if (planes.length === 1) {
    for (let n = 0, to = 0; n < planes[0].length; n++, to += 3)
      data[to] = data[to + 1] = data[to + 2] = planes[0][n];
  } else if (planes.length === 3) {
    (isYcc(frame) ? fromYcc : fromRgb)(planes, data);
  } else if (planes.length === 4) {
    fromCmyk(planes, data, isYcc(frame));
  } else {
    throw new Error(`a JPEG of ${planes.length} components`);
  }
  return { width, height, data };
}

/** Read the segments; the coefficients of the picture, too, unless only its head is asked for. */
function parse(bytes, headOnly) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const quantization = [];
  const huffman = { dc: [], ac: [] };
  let frame = null;
  let interval = 0;
  let isJfif = false;
  let adobe = null;
  const exif = [];
  let scans = 0;
  let at = 2;
  for (;;) {
    while (bytes[at] !== 0xff) if (at++ >= bytes.length) throw new Error("the JPEG is cut off");
    while (bytes[at] === 0xff) at++;
    const marker = bytes[at++];
    if (marker === undefined) throw new Error("the JPEG is cut off");
    if (marker === 0xd9) break; // the end
    if (marker === 0 || marker === 1 || (marker >= 0xd0 && marker <= 0xd8)) continue;
    const size = view.getUint16(at);
    const end = at + size;
    if (end > bytes.length) throw new Error("the JPEG is cut off");
    let p = at + 2;
    if (marker === 0xe0) {
      isJfif ||= text(bytes, p, 5) === "JFIF\0" && size >= 16;
    } else if (marker === 0xe1 && text(bytes, p, 6) === EXIF) {
      exif.push(bytes.subarray(exif.length ? p + 6 : p, end));
    } else if (marker === 0xee && size >= 14 && text(bytes, p, 5) === "Adobe") {
      adobe = bytes[p + 11];
    } else if (marker === 0xdb) {
      while (p < end) {
        const spec = bytes[p++];
        const table = new Int32Array(64);
        for (let n = 0; n < 64; n++) {
          table[ORDER[n]] = spec >> 4 ? view.getUint16(p) : bytes[p];
          p += spec >> 4 ? 2 : 1;
        }
        quantization[spec & 15] = table;
      }
    } else if (marker === 0xc4) {
      while (p < end) {
        const spec = bytes[p++];
        const counts = bytes.subarray(p, p + 16);
        const total = counts.reduce((sum, n) => sum + n, 0);
        const table = lookup(counts, bytes.subarray(p + 16, p + 16 + total));
        huffman[spec >> 4 ? "ac" : "dc"][spec & 15] = table;
        p += 16 + total;
      }
    } else if (marker >= 0xc0 && marker <= 0xc2) {
      if (frame) throw new Error("a JPEG of two frames");
      frame = readFrame(bytes, view, p, marker === 0xc2);
      if (headOnly) p = 0;
    } else if (marker >= 0xc3 && marker <= 0xcf && marker !== 0xc8 && marker !== 0xcc) {
      throw new Error(`a JPEG of type ${marker.toString(16)}`);
    } else if (marker === 0xdd) {
      interval = view.getUint16(p);
    } else if (marker === 0xda) {
      if (headOnly) break;
      if (++scans > SCANS) throw new Error(`a JPEG of more than ${SCANS} scans`);
      at = readScan(bytes, p, frame, { quantization, huffman, interval });
      continue;
    }
    at = end;
  }
  if (!frame) throw new Error("a JPEG without a picture");
  return Object.assign(frame, { isJfif, adobe, exif: headOnly && exif.length ? joined(exif) : null });
}

function text(bytes, at, length) {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}

function joined(parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Return a table of what the next 16 bits begin with: length of the code, and its symbol. */
function lookup(counts, symbols) {
  const table = new Uint16Array(65536);
  let code = 0;
  let n = 0;
  for (let length = 1; length <= 16; length++) {
    for (let each = 0; each < counts[length - 1]; each++) {
      const first = code << (16 - length);
      if (first >= 65536) throw new Error("a wrong Huffman table");
      table.fill((length << 8) | symbols[n++], first, first + (1 << (16 - length)));
      code++;
    }
    code <<= 1;
  }
  return table;
}

function readFrame(bytes, view, p, progressive) {
  if (bytes[p] !== 8) throw new Error(`a JPEG of ${bytes[p]} bits`);
  const height = view.getUint16(p + 1);
  const width = view.getUint16(p + 3);
  if (!width || !height) throw new Error("a JPEG without a size");
  const components = [];
  if (bytes[p + 5] > COMPONENTS) throw new Error(`a JPEG of ${bytes[p + 5]} components`);
  for (let n = 0; n < bytes[p + 5]; n++) {
    const [id, sampling, table] = bytes.subarray(p + 6 + 3 * n, p + 9 + 3 * n);
    components.push({ id, h: sampling >> 4, v: sampling & 15, table });
  }
  const most = (name) => Math.max(...components.map((each) => each[name]));
  const [h, v] = [most("h"), most("v")];
  const columns = Math.ceil(width / (8 * h));
  const rows = Math.ceil(height / (8 * v));
  for (const each of components) {
    if (!each.h || !each.v || h % each.h || v % each.v)
      throw new Error(`a JPEG with a sampling of ${each.h} x ${each.v} in ${h} x ${v}`);
    each.width = Math.ceil((width * each.h) / h); // as downsampled
    each.height = Math.ceil((height * each.v) / v);
    each.stride = columns * each.h; // blocks in a row
    each.lines = rows * each.v;
  }
  return { width, height, h, v, columns, rows, progressive, components };
}

/** Read the coefficients of a scan; return where it ends. */
function readScan(bytes, p, frame, tables) {
  const count = bytes[p++];
  if (count > COMPONENTS) throw new Error(`a scan of ${count} components`);
  const parts = [];
  for (let n = 0; n < count; n++, p += 2) {
    const part = frame?.components.find((each) => each.id === bytes[p]);
    if (!part) throw new Error("a scan of no component");
    part.dc = tables.huffman.dc[bytes[p + 1] >> 4];
    part.ac = tables.huffman.ac[bytes[p + 1] & 15];
    part.quantization ??= tables.quantization[part.table]?.slice();
    part.blocks ??= new Int16Array(part.stride * part.lines * 64);
    part.before = 0;
    parts.push(part);
  }
  const first = bytes[p];
  const last = frame.progressive ? bytes[p + 1] : 63;
  const high = frame.progressive ? bytes[p + 2] >> 4 : 0;
  const low = frame.progressive ? bytes[p + 2] & 15 : 0;
  let at = p + 3;
  let buffer = 0; // the next bits, from the left
  let bits = 0;
  let run = 0; // blocks to the end of which nothing follows

  function fill() {
    while (bits <= 16) {
      let next = 0;
      if (at >= bytes.length) throw new Error("the JPEG is cut off");
      if (bytes[at] !== 0xff) next = bytes[at++];
      else if (bytes[at + 1] === 0) {
        next = 0xff;
        at += 2;
      } // else a marker: libjpeg goes on with zeros
      else if (at + 1 >= bytes.length) throw new Error("the JPEG is cut off");
      buffer |= next << (24 - bits);
      bits += 8;
    }
  }

  function read(length) {
    if (length === 0) return 0;
    if (bits < length) fill();
    const value = buffer >>> (32 - length);
    buffer <<= length;
    bits -= length;
    return value;
  }

  function symbol(table) {
    if (bits < 16) fill();
    const found = table[buffer >>> 16];
    const length = found >> 8 || 16;
    buffer <<= length;
    bits -= length;
    return found & 255;
  }

  function signed(length) {
    const value = read(length);
    return length && value < 1 << (length - 1) ? value - (1 << length) + 1 : value;
  }

  function baseline(part, blocks, o) {
    part.before += signed(symbol(part.dc));
    blocks[o] = part.before;
    const table = part.ac;
    for (let k = 1; k < 64; k++) {
      const found = symbol(table);
      const size = found & 15;
      if (size === 0) {
        if (found !== 0xf0) return;
        k += 15;
        continue;
      }
      k += found >> 4;
      blocks[o + ORDER[k]] = signed(size);
    }
  }

  function dcFirst(part, blocks, o) {
    part.before += signed(symbol(part.dc));
    blocks[o] = part.before << low;
  }

  function dcMore(part, blocks, o) {
    if (read(1)) blocks[o] |= 1 << low;
  }

  function acFirst(part, blocks, o) {
    if (run) {
      run--;
      return;
    }
    const table = part.ac;
    for (let k = first; k <= last; k++) {
      const found = symbol(table);
      const size = found & 15;
      const skip = found >> 4;
      if (size) {
        k += skip;
        blocks[o + ORDER[k]] = signed(size) << low;
      } else if (skip === 15) {
        k += 15;
      } else {
        run = (1 << skip) - 1 + read(skip);
        return;
      }
    }
  }

  function acMore(part, blocks, o) {
    const one = 1 << low;
    const refine = (z) => {
      if (read(1) && !(blocks[z] & one)) blocks[z] += blocks[z] < 0 ? -one : one;
    };
    let k = first;
    if (!run) {
      for (; k <= last; k++) {
        const found = symbol(part.ac);
        let skip = found >> 4;
        let value = 0;
        if (found & 15) {
          value = read(1) ? one : -one;
        } else if (skip < 15) {
          run = (1 << skip) + read(skip);
          break;
        }
        for (; k <= last; k++) {
          const z = o + ORDER[k];
          if (blocks[z]) refine(z);
          else if (skip-- === 0) break;
        }
        if (value && k < 64) blocks[o + ORDER[k]] = value;
      }
    }
    if (run) {
      for (; k <= last; k++) if (blocks[o + ORDER[k]]) refine(o + ORDER[k]);
      run--;
    }
  }

  const progressive = first ? (high ? acMore : acFirst) : high ? dcMore : dcFirst;
  const block = frame.progressive ? progressive : baseline;
  const needed = frame.progressive ? (first ? ["ac"] : high ? [] : ["dc"]) : ["dc", "ac"];
  if (parts.some((part) => needed.some((name) => !part[name])))
    throw new Error("a scan without its Huffman table");

  function restart() {
    bits = buffer = run = 0;
    for (const part of parts) part.before = 0;
    while (at < bytes.length && bytes[at] !== 0xff) at++;
    while (bytes[at + 1] === 0xff) at++;
    if (bytes[at + 1] >= 0xd0 && bytes[at + 1] <= 0xd7) at += 2;
  }

  const alone = parts.length === 1 && parts[0];
  const across = alone ? Math.ceil(alone.width / 8) : frame.columns;
  const down = alone ? Math.ceil(alone.height / 8) : frame.rows;
  const total = across * down;
  for (let n = 0; n < total; n++) {
    if (tables.interval && n && n % tables.interval === 0) restart();
    const [row, column] = [(n / across) | 0, n % across];
    if (alone) {
      block(alone, alone.blocks, (row * alone.stride + column) * 64);
      continue;
    }
    for (const part of parts)
      for (let y = 0; y < part.v; y++)
        for (let x = 0; x < part.h; x++) {
          const place = (row * part.v + y) * part.stride + column * part.h + x;
          block(part, part.blocks, place * 64);
        }
  }
  // To the next marker: some encoders leave bytes in between.
  while (at < bytes.length && !(bytes[at] === 0xff && bytes[at + 1] && bytes[at + 1] !== 0xff)) at++;
  return at;
}

/** Return the samples of a component, from its coefficients: jidctint.c, with 13 bits. */
function samples(part) {
  const { blocks, quantization, stride, lines } = part;
  if (!blocks || !quantization) throw new Error("a component without a scan");
  const width = stride * 8;
  const out = new Uint8Array(width * lines * 8);
  const work = new Int32Array(64);
  for (let line = 0, o = 0; line < lines; line++)
    for (let column = 0; column < stride; column++, o += 64) {
      const to = line * 8 * width + column * 8;
      for (let x = 0; x < 8; x++) {
        const at = o + x;
        const d0 = blocks[at] * quantization[x];
        if (
          !(blocks[at + 8] | blocks[at + 16] | blocks[at + 24] | blocks[at + 32]) &&
          !(blocks[at + 40] | blocks[at + 48] | blocks[at + 56])
        ) {
          for (let y = 0; y < 64; y += 8) work[x + y] = d0 << 2;
          continue;
        }
        const d2 = blocks[at + 16] * quantization[x + 16];
        const d6 = blocks[at + 48] * quantization[x + 48];
        const d4 = blocks[at + 32] * quantization[x + 32];
        let z1 = (d2 + d6) * 4433;
        const e2 = z1 - d6 * 15137;
        const e3 = z1 + d2 * 6270;
        const e0 = (d0 + d4) << 13;
        const e1 = (d0 - d4) << 13;
        const a = e0 + e3;
        const b = e1 + e2;
        const c = e1 - e2;
        const d = e0 - e3;
        let t0 = blocks[at + 56] * quantization[x + 56];
        let t1 = blocks[at + 40] * quantization[x + 40];
        let t2 = blocks[at + 24] * quantization[x + 24];
        let t3 = blocks[at + 8] * quantization[x + 8];
        const z5 = (t0 + t1 + t2 + t3) * 9633;
        const z2 = (t1 + t2) * -20995;
        const z3 = (t0 + t2) * -16069 + z5;
        const z4 = (t1 + t3) * -3196 + z5;
        z1 = (t0 + t3) * -7373;
        t0 = t0 * 2446 + z1 + z3;
        t1 = t1 * 16819 + z2 + z4;
        t2 = t2 * 25172 + z2 + z3;
        t3 = t3 * 12299 + z1 + z4;
        work[x] = (a + t3 + 1024) >> 11;
        work[x + 56] = (a - t3 + 1024) >> 11;
        work[x + 8] = (b + t2 + 1024) >> 11;
        work[x + 48] = (b - t2 + 1024) >> 11;
        work[x + 16] = (c + t1 + 1024) >> 11;
        work[x + 40] = (c - t1 + 1024) >> 11;
        work[x + 24] = (d + t0 + 1024) >> 11;
        work[x + 32] = (d - t0 + 1024) >> 11;
      }
      for (let y = 0; y < 64; y += 8) {
        const p = to + (y >> 3) * width;
        const d0 = work[y];
        const d2 = work[y + 2];
        const d4 = work[y + 4];
        const d6 = work[y + 6];
        let z1 = (d2 + d6) * 4433;
        const e2 = z1 - d6 * 15137;
        const e3 = z1 + d2 * 6270;
        const e0 = (d0 + d4) << 13;
        const e1 = (d0 - d4) << 13;
        const a = e0 + e3;
        const b = e1 + e2;
        const c = e1 - e2;
        const d = e0 - e3;
        let t3 = work[y + 1];
        let t2 = work[y + 3];
        let t1 = work[y + 5];
        let t0 = work[y + 7];
        const z5 = (t0 + t1 + t2 + t3) * 9633;
        const z2 = (t1 + t2) * -20995;
        const z3 = (t0 + t2) * -16069 + z5;
        const z4 = (t1 + t3) * -3196 + z5;
        z1 = (t0 + t3) * -7373;
        t0 = t0 * 2446 + z1 + z3;
        t1 = t1 * 16819 + z2 + z4;
        t2 = t2 * 25172 + z2 + z3;
        t3 = t3 * 12299 + z1 + z4;
        out[p] = clip((a + t3 + HALF) >> 18);
        out[p + 7] = clip((a - t3 + HALF) >> 18);
        out[p + 1] = clip((b + t2 + HALF) >> 18);
        out[p + 6] = clip((b - t2 + HALF) >> 18);
        out[p + 2] = clip((c + t1 + HALF) >> 18);
        out[p + 5] = clip((c - t1 + HALF) >> 18);
        out[p + 3] = clip((d + t0 + HALF) >> 18);
        out[p + 4] = clip((d - t0 + HALF) >> 18);
      }
    }
  part.blocks = null; // the largest part of the memory
  return out;
}

const HALF = (1 << 17) + (128 << 18); // rounds, and puts 0 in the middle

function clip(value) {
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

/** Return the samples of a component in the size of the picture: jdsample.c. */
function upsampled(part, frame) {
  const { width, height } = frame;
  const input = samples(part);
  const stride = part.stride * 8;
  const [h, v] = [frame.h / part.h, frame.v / part.v];
  const out = new Uint8Array(width * height);
  const isSmooth = h === 1 || (h === 2 && part.width > 2);
  if (isSmooth && v === 2) {
    smooth2(part, input, stride, out, width, height, h);
  } else if (h === 2 && v === 1 && part.width > 2) {
    for (let y = 0; y < height; y++) {
      const row = input.subarray(y * stride, y * stride + part.width);
      smoothRow(row, out.subarray(y * width, (y + 1) * width), 4, 1, 2);
    }
  } else {
    for (let y = 0, to = 0; y < height; y++) {
      const row = ((y / v) | 0) * stride;
      if (h === 1) out.set(input.subarray(row, row + width), to);
      else for (let x = 0; x < width; x++) out[to + x] = input[row + ((x / h) | 0)];
      to += width;
    }
  }
  return out;
}

/** Upsample by two downwards, and by h across: three quarters of the nearer, a quarter of the other. */
function smooth2(part, input, stride, out, width, height, h) {
  const sums = new Uint16Array(part.width);
  for (let y = 0; y < height; y++) {
    const near = y >> 1;
    const far = Math.min(Math.max(near + (y & 1 ? 1 : -1), 0), part.height - 1);
    const [a, b] = [near * stride, far * stride];
    for (let x = 0; x < part.width; x++) sums[x] = input[a + x] * 3 + input[b + x];
    const row = out.subarray(y * width, (y + 1) * width);
    if (h === 2) smoothRow(sums, row, 16, 8, 7);
    else for (let x = 0; x < width; x++) row[x] = (sums[x] + 1 + (y & 1)) >> 2;
  }
}

/** Upsample a row by two; `whole` is the sum of the weights, the others round. */
function smoothRow(from, to, whole, left, right) {
  const shift = whole === 4 ? 2 : 4;
  const last = from.length - 1;
  for (let x = 0, n = 0; x <= last; x++, n += 2) {
    const three = from[x] * 3;
    to[n] = (three + from[x ? x - 1 : 0] + left) >> shift;
    if (n + 1 < to.length) to[n + 1] = (three + from[x < last ? x + 1 : last] + right) >> shift;
  }
}

/** Return whether the colours are luma and chroma, by libjpeg's rules. */
function isYcc({ components, isJfif, adobe }) {
  const ids = components.map((each) => each.id).join();
  if (components.length === 4) return adobe !== null && adobe !== 0;
  if (isJfif) return true;
  if (adobe !== null) return adobe !== 0;
  return ids !== "82,71,66"; // R, G, B
}

function fromRgb(planes, data) {
  planes.forEach((plane, channel) => {
    for (let n = 0, to = channel; n < plane.length; n++, to += 3) data[to] = plane[n];
  });
}

function fromYcc([luma, blue, red], data) {
  for (let n = 0, to = 0; n < luma.length; n++, to += 3) {
    const y = luma[n];
    const b = blue[n] - 128;
    const r = red[n] - 128;
    data[to] = clip(y + ((91881 * r + 32768) >> 16));
    data[to + 1] = clip(y + ((-22554 * b - 46802 * r + 32768) >> 16));
    data[to + 2] = clip(y + ((116130 * b + 32768) >> 16));
  }
}

/** Convert what Adobe's programs write, which is inverted: black is 0. */
function fromCmyk([first, second, third, black], data, ycc) {
  const three = [first, second, third];
  const inks = ycc ? new Uint8Array(data.length) : data;
  (ycc ? fromYcc : fromRgb)(three, inks);
  for (let n = 0, at = 0; n < black.length; n++)
    for (let end = at + 3; at < end; at++) {
      const product = (255 - inks[at]) * black[n] + 128;
      data[at] = clip(black[n] - ((product + (product >> 8)) >> 8));
    }
}
