{% extends "parts/_model.js" %}
{% block imports %}
import { {{ "fit, grey" if model.crop else "grey, resize" }}{{ ", swapped" if model.blue_first }} } from "./browser/pictures.js";
{% endblock %}
{% block constants %}

const INPUT_SHAPE = {{ model.input_shape | list | json }}; // used where the model declares none
// How a picture becomes numbers: (pixel / 255 - MEAN) / STD, as in model.py.
const MEAN = {{ model.mean | json }};
const STD = {{ model.std if model.std is string else model.std | json }};
{% if model.crop %}
const CROP = {{ model.crop }}; // the part of a picture's shorter side that goes in, from the middle
{% endif %}
{% endblock %}
{% block functions %}

/**
 * Return a batch of one picture, in the size and layout of the model.
 *
 * @param image RGB, 3 bytes a pixel, 0 to 255.
 * @param declared the shape of the model's input, null for any length.
 * @returns float32, (pixel / 255 - MEAN) / STD, with channels last or first, or flat, as declared.
 */
export function prepare(image, declared) {
  const shape = declared.length === 4 ? declared : INPUT_SHAPE;
  const axes = shape.map((n, at) => n ?? INPUT_SHAPE[at]).slice(1);
  const channelsFirst = [1, 3].includes(axes[0]);
  const [channels] = axes.splice(channelsFirst ? 0 : 2, 1);
  const [height, width] = [axes[0] ?? image.height, axes[1] ?? image.width];
{% if model.blue_first %}
  image = swapped(image); // blue first, as in training
{% endif %}
  const picture = {{ "fit" if model.crop else "resize" }}(channels === 1 ? grey(image) : image, width, height{{ ", CROP" if model.crop }});
  const pixels = new Float32Array(picture.data.length);
  const { fround } = Math; // NumPy computes in float32
  for (let channel = 0; channel < channels; channel++) {
    const [mean, std] = [MEAN, STD].map((each) => fround(each[channel] ?? each));
    for (let n = 0, at = channel; n < width * height; n++, at += channels) {
      const place = channelsFirst ? channel * width * height + n : at;
      pixels[place] = fround(fround(picture.data[at] / 255) - mean) / std;
    }
  }
  const layout = channelsFirst ? [channels, height, width] : [height, width, channels];
  if (declared.length === 2) return { dims: [1, pixels.length], data: pixels };
  return { dims: [1, ...layout].slice(0, declared.length), data: pixels };
}
{% endblock %}
