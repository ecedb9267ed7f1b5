{# The frame of model.js: inputs/<kind>/_model.js extends it, and a task's model.js that. #}
{% set project = cookiecutter | project %}
{% set model = project.model %}
{% set output = "outputs/" ~ project.task.output.name %}
{% set others = model.files.values() | reject("in", [model.file, "labels.txt"]) | list %}
// The model of the page without a server: {{ project.task.does }}.
// It does what model.py does: change both; tests/test_model_js.py compares their constants.
import { Model } from "./browser/onnx.js";
{% block imports %}
{% endblock %}

const MODEL = new URL({{ ("model/" ~ model.file) | json }}, import.meta.url);
{% if project.task.output.labels %}
{% if model.has_labels %}
const LABELS = new URL("model/labels.txt", import.meta.url); // one name per line
{% else %}
const LABELS = null; // new URL("model/labels.txt", import.meta.url), if you write that file
{% endif %}
const ROUNDING = -1e-5; // what a probability of 0 may be, as a sum of float32
{% endif %}
{% if model.tensor or model.output %}
const OUTPUT = {{ (model.tensor or model.output) | json }}; // that is used{{ ", before it is mapped by name" if model.tensor else ", of several" }}
{% endif %}
{% if model.classes %}
const CLASSES = {{ model.classes | list | json }}; // one of which that output is
{% endif %}
{% block constants %}
{% endblock %}

let opened = null;

/**
 * Return the model, downloaded at the first call.
 *
 * @param {(done: number, total: number) => void} [onProgress] called with the bytes so far and
 *   those of all files.
 */
export function load(onProgress) {
  opened ??= Model.open(MODEL, {
{% if project.task.output.labels %}
    labels: LABELS,
{% endif %}
{% if model.tensor or model.output %}
    output: OUTPUT,
{% endif %}
{% if model.classes %}
    classes: CLASSES,
{% endif %}
{% if others %}
    weights: {{ others | json }},
{% endif %}
    size: {{ model.size }}, // bytes
    onProgress,
  }).catch((error) => {
    opened = null; // the next call tries again
    throw error;
  });
  return opened;
}

{% block predict %}
{% endblock %}
{% block functions %}
{% endblock %}
{% include output ~ "/_functions.js" ignore missing %}
