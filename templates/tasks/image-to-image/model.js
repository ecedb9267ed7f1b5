{% extends "inputs/picture/_model.js" %}
{% block predict %}
{% set scores = (cookiecutter | project).model.scores %}
/**
 * Convert a picture.
 *
 * @param image RGB, 3 bytes a pixel, 0 to 255.
 * @returns the picture, in RGB or grey, with 3 bytes a pixel or one.
 */
export async function predict(image) {
  const model = await load();
  const [{ dims, data }] = await model.run(prepare(image, model.inputShape));
  if (!data.every(Number.isFinite)) throw new Error("the model's output is not finite");
  const channelsFirst = [1, 3].includes(dims[0]);
  const [height, width] = channelsFirst ? dims.slice(1) : dims;
  const channels = data.length / (width * height);
  const pixels = new Uint8Array(data.length);
  for (let channel = 0; channel < channels; channel++)
    for (let n = 0, to = channel; n < width * height; n++, to += channels)
      pixels[to] = byte(data[channelsFirst ? channel * width * height + n : to], channel);
  return { width, height, data: pixels };
}

/** Return a value of the output as a byte; a half is rounded to the even one, as by NumPy. */
function byte(value, channel) {
  const { fround } = Math;
{% if scores == "independent" %}
  const pixel = value; // a sigmoid's, 0 to 1
{% elif scores == "class logits" %}
  const pixel = 0.5 + fround(Math.tanh(value / 2)) / 2; // the sigmoid of a mask's logits
{% else %}
  const [mean, std] = [MEAN, STD].map((each) => fround(each[channel] ?? each));
  const pixel = fround(fround(value * std) + mean);
{% endif %}
  const level = fround(Math.min(Math.max(pixel, 0), 1) * 255);
  const near = Math.round(level);
  return near - level === 0.5 && near % 2 ? near - 1 : near;
}
{% endblock %}
