// ONNX models on arrays, in a visitor's browser: what runtime.py does, with onnxruntime-web.
//
// An array is {dims, data}: data is a typed array, or a plain one where there are texts.
import { download } from "./download.js";
import { readLabels } from "./labels.js";

const VENDOR = new URL("vendor/onnxruntime-web/", import.meta.url);
const CPU = {
  script: "ort.wasm.bundle.min.mjs",
  wasm: "ort-wasm-simd-threaded.wasm.gz",
  providers: ["wasm"],
};
const GPU = {
  script: "ort.jspi.bundle.min.mjs",
  wasm: "ort-wasm-simd-threaded.jspi.wasm.gz",
  providers: ["webgpu", "wasm"],
};
// A smaller network computes for less time than a GPU needs to compile its programs.
const WORTH_A_GPU = 8e6; // bytes of weights
const LONGEST = 2 ** 31 - 1; // of an axis; a free one has a name, or is -1 without its sign
const INTEGERS = new Map([
  ["uint8", Uint8Array],
  ["int8", Int8Array],
  ["uint16", Uint16Array],
  ["int16", Int16Array],
  ["uint32", Uint32Array],
  ["int32", Int32Array],
  ["uint64", BigUint64Array],
  ["int64", BigInt64Array],
]);

/** A model as a function from a batch to its scores, or its first output. */
export class Model {
  /**
   * Download a model, and what runs it.
   *
   * @param {URL} url of the file.
   * @param {object} [options]
   * @param {URL} [options.labels] of a file with a name of a class in each line.
   * @param {string} [options.output] the output that is used, of several; or a value within the
   *   model, which becomes one.
   * @param {string[]} [options.classes] one of which that output is.
   * @param {string[]} [options.weights] files beside it that it keeps weights in.
   * @param {number} [options.size] bytes of its weights, which decide on a GPU.
   * @param {(done: number, total: number) => void} [options.onProgress] called with the bytes so
   *   far, and those of all files; 0 if they are not known.
   */
  static async open(url, options = {}) {
    if ((options.size ?? 0) >= WORTH_A_GPU && (await hasGpu())) {
      try {
        return await Model.on(GPU, url, options);
      } catch (error) {
        console.warn("The model does not run on the GPU.", error);
      }
    }
    return Model.on(CPU, url, options);
  }

  /** Download a model, and the build of onnxruntime-web that runs it. */
  static async on({ script, wasm, providers }, url, { labels, weights = [], onProgress, ...options }) {
    const count = progress(onProgress);
    const files = [new URL(wasm, VENDOR), url, ...weights.map((name) => new URL(name, url))];
    const [ort, names, binary, model, ...data] = await Promise.all([
      import(new URL(script, VENDOR)),
      labels && readLabels(labels),
      ...files.map((file) => download(file, count())),
    ]);
    ort.env.wasm.numThreads = 1; // more need headers that few static hosts can send
    ort.env.wasm.wasmBinary = binary.buffer;
    ort.env.logLevel = "error";
    const { output } = options;
    const session = (bytes) =>
      ort.InferenceSession.create(bytes, {
        executionProviders: providers,
        externalData: data.map((each, n) => ({ path: weights[n], data: each })),
      });
    let made = await session(model);
    if (output && !made.outputNames.includes(output)) {
      await made.release();
      made = await session(withOutput(model, output));
    }
    return new Model(ort, made, names, options);
  }

  /** Use `open`. */
  constructor(ort, session, labels, { output, classes }) {
    this.ort = ort;
    this.session = session;
    this.output = output ?? session.outputNames[0];
    this.classes = classes;
    /** Names of the classes; null if there are none. */
    this.labels = labels ?? null;
    const inputs = session.inputMetadata;
    const [size, ...axes] = inputs[0].shape.map((n) => (n > 0 && n <= LONGEST ? n : null));
    this.fixed = size ?? 1; // the model runs so many at once
    /** As declared, batch axis first; null is any length. Of several inputs, (null, columns). */
    this.inputShape = inputs.length > 1 ? [null, inputs.length] : [null, ...axes];
  }

  /** Run the model on a batch, batch axis first; return an array for each of it. */
  async run({ dims, data }) {
    const [count] = dims;
    const inputs = this.session.inputMetadata;
    const columns = inputs.length > 1 ? split(data, dims[1]) : [data];
    const axes = inputs.length > 1 ? [1] : dims.slice(1);
    const rows = Math.max(this.fixed, count);
    const feed = {};
    inputs.forEach((declared, n) => {
      const filled = repeated(columns[n], count, rows);
      feed[declared.name] = this.fit(filled, [rows, ...axes], declared);
    });
    const found = (await this.session.run(feed, [this.output]))[this.output];
    const [made, ...shape] = found.dims.length ? found.dims : [1];
    const values = found.type === "float16" ? floats(found.data) : plain(found.data);
    const length = values.length / made;
    found.dispose();
    return Array.from({ length: count }, (_, n) => {
      const part = values.slice(n * length, (n + 1) * length);
      if (!this.classes) return { dims: shape, data: part };
      const isClass = this.classes.map((name) => Number(String(part[0]) === name));
      return { dims: [isClass.length], data: Float64Array.from(isClass) };
    });
  }

  /** Return a batch as a tensor of the type and with the axes that an input declares. */
  fit(data, dims, { name, type, shape }) {
    const axes = [...dims, ...shape.slice(dims.length).fill(1)].slice(0, shape.length);
    const given = typed(data, type);
    if (!given) throw new Error(`the input ${name} is ${type}, which no picture or row becomes`);
    return new this.ort.Tensor(type, given, axes);
  }
}

/** Return whether the browser has a GPU, and lets WebAssembly wait for it. */
async function hasGpu() {
  if (!("Suspending" in WebAssembly) || !globalThis.navigator?.gpu) return false;
  const adapter = await navigator.gpu.requestAdapter().catch(() => null);
  // One that is imitated by the processor is much slower than WebAssembly.
  return adapter !== null && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
}

/** Return a function that returns one for each file, to add up what is downloaded of all. */
function progress(onProgress = () => {}) {
  const files = [];
  return () => {
    const file = { done: 0, total: 0 };
    files.push(file);
    return (done, total) => {
      Object.assign(file, { done, total });
      const sum = (name) => files.reduce((all, each) => all + each[name], 0);
      onProgress(sum("done"), files.every((each) => each.total) ? sum("total") : 0);
    };
  };
}

/** Return the columns of rows. */
function split(data, count) {
  return Array.from({ length: count }, (_, n) => data.filter((_, at) => at % count === n));
}

/** Return a batch of another size, filled up with copies of its last. */
function repeated(data, count, wanted) {
  if (wanted === count) return data;
  const length = data.length / count;
  const at = (n) => Math.min(Math.floor(n / length), count - 1) * length + (n % length);
  return Array.from({ length: wanted * length }, (_, n) => data[at(n)]);
}

/** Return values as the array of a type, rounded for integers; null if there is none. */
function typed(data, type) {
  if (type === "string") return Array.from(data, text);
  if (type === "float32") return Float32Array.from(data, number);
  if (type === "float64") return Float64Array.from(data, number);
  if (type === "float16") return halves(Float32Array.from(data, number));
  if (type === "bool") return Uint8Array.from(data, (value) => Number(number(value) !== 0));
  const Integers = INTEGERS.get(type);
  if (!Integers) return null;
  const whole = Array.from(data, (value) => even(number(value)));
  const found = Integers.from(whole, type.endsWith("64") ? BigInt : Number);
  const odd = whole.find((value, n) => Number(found[n]) !== value);
  if (odd !== undefined) throw new Error(`${odd} is out of the range of ${type}`);
  return found;
}

function number(value) {
  const given = typeof value === "string" && value.trim() === "" ? NaN : Number(value);
  if (Number.isNaN(given) && typeof value === "string") throw new Error(`${value} is not a number`);
  return given;
}

function text(value) {
  if (typeof value !== "string") throw new Error(`${value} is not a text`);
  return value;
}

/** Round to the nearest integer, a half to the even one. */
function even(value) {
  const near = Math.round(value);
  return near - value === 0.5 && near % 2 ? near - 1 : near;
}

/** Return numbers or texts of an output, without big integers. */
function plain(data) {
  return data instanceof BigInt64Array || data instanceof BigUint64Array
    ? Array.from(data, Number)
    : data.slice();
}

/** Return the bits of floats of 16 bits, in the array that onnxruntime-web takes. */
function halves(values) {
  if (typeof Float16Array !== "undefined") return Float16Array.from(values);
  const bits = Uint16Array.from(values, (value) => {
    const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
    const size = Math.abs(value);
    if (Number.isNaN(size)) return 0x7e00;
    if (size >= 65520) return sign | 0x7c00;
    const exponent = Math.max(Math.floor(Math.log2(size || 1e-9)), -14);
    return sign | (even(size * 2 ** (10 - exponent)) + (exponent + 14) * 1024);
  });
  return bits;
}

/** Return floats from those of 16 bits, or from their bits. */
function floats(data) {
  if (!(data instanceof Uint16Array)) return Float32Array.from(data);
  return Float32Array.from(data, (bits) => {
    const [sign, exponent, part] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
    if (exponent === 31) return part ? NaN : sign * Infinity;
    return sign * (exponent ? 2 ** (exponent - 25) * (1024 + part) : 2 ** -24 * part);
  });
}

/**
 * Return a model's file with a value within it as an output, of floats.
 *
 * A classifier of skl2onnx maps its probabilities by name, which onnxruntime-web does not read. In
 * a file of protobuf, what is appended to a message is merged: here the name of one more output.
 */
function withOutput(file, name) {
  const field = (number, content) => [(number << 3) | 2, ...varint(content.length), ...content];
  const floats = field(2, field(1, [1 << 3, 1])); // type: tensor of float
  const graph = field(12, [...field(1, [...new TextEncoder().encode(name)]), ...floats]);
  const more = field(7, graph);
  const both = new Uint8Array(file.length + more.length);
  both.set(file);
  both.set(more, file.length);
  return both;
}

function varint(value) {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >> 7)];
}
