{% extends "inputs/picture/_model.js" %}
{% block predict %}
/**
 * Classify a picture.
 *
 * @param image RGB, 3 bytes a pixel, 0 to 255.
{% if (cookiecutter | project).model.answers_class %}
 * @returns {Promise<string>} the label; the model gives no probabilities.
{% else %}
 * @returns {Promise<Object<string, number>>} the probability of each label, 0 to 1.
{% endif %}
 */
export async function predict(image) {
  const model = await load();
  const [scores] = await model.run(prepare(image, model.inputShape));
  return labelled(scores, model.labels);
}
{% endblock %}
