{% extends "parts/_model.js" %}
{% block predict %}
/**
 * Classify a text.
 *
 * @param {string} text as the visitor wrote it.
{% if (cookiecutter | project).model.answers_class %}
 * @returns {Promise<string>} the label; the model gives no probabilities.
{% else %}
 * @returns {Promise<Object<string, number>>} the probability of each label, 0 to 1.
{% endif %}
 */
export async function predict(text) {
  const model = await load();
  const [scores] = await model.run({ dims: [1], data: [text] });
  return labelled(scores, model.labels);
}
{% endblock %}
