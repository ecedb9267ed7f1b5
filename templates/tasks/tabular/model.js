{% extends "inputs/row/_model.js" %}
{% block predict %}
{% set scores = (cookiecutter | project).model.scores %}
/**
 * Predict the class or the numbers for a row.
 *
 * @param {(number | string)[]} row a value for each of FEATURES, in their order and units.
 * @returns the probability of each label, or the label alone from a model without probabilities;
 *   for a regression a number. Several numbers or classes are a text, such as "1.5, -2.25".
 */
export async function predict(row) {
  const model = await load();
  const columns = model.inputShape.at(-1);
  if (columns !== null && columns !== row.length)
    throw new Error(`the model takes ${columns} columns, the row has ${row.length}`);
  const [{ data }] = await model.run({ dims: [1, row.length], data: row });
  if (typeof data[0] === "string") return data.join(", "); // the classes of several targets
{% if scores in ("probabilities", "class logits") %}
  return labelled({ dims: [data.length], data }, model.labels);
{% else %}
{% if scores %}
  if (model.labels) return labelled({ dims: [data.length], data }, model.labels);
{% else %}
  if (model.labels || (data.length > 1 && areProbabilities(Array.from(data))))
    return labelled({ dims: [data.length], data }, model.labels);
{% endif %}
  if (!data.every(Number.isFinite)) throw new Error(`no numbers: ${data}`);
  return data.length === 1 ? data[0] : Array.from(data, (value) => written(value, data.constructor)).join(", ");
{% endif %}
}
{% if scores not in ("probabilities", "class logits") %}

/** Return a number as Python writes it, and float32 in the fewest digits: 0.1, 1.0. */
function written(value, type) {
  let short = value;
  for (let digits = 9; type === Float32Array && digits > 0; digits--) {
    if (Math.fround(value.toPrecision(digits)) !== value) break;
    short = Number(value.toPrecision(digits));
  }
  const isFloat = type === Float32Array || type === Float64Array;
  return isFloat && Number.isInteger(short) ? short.toFixed(1) : String(short);
}
{% endif %}
{% endblock %}
