
{% if model.answers_class %}
/** Return the label, which is all that the model tells. */
{% else %}
/** Return the probability of each label, from the model's scores. */
{% endif %}
function labelled({ dims, data }, labels) {
  if (data.length > Math.max(1, ...dims))
    throw new Error(`an output of ${dims.join(" x ")}, not a score for each class`);
  let scores = Array.from(data, Number);
{% if model.scores in ("logits", "class logits") %}
  if (scores.length === 1) scores = [0, ...scores]; // one logit, of the second class
  scores = softmax(scores);
{% else %}
  // One sigmoid output: the probability of the second class.
  if (scores.length === 1) scores = [1 - scores[0], scores[0]];
{% if not model.scores %}
  else if (!areProbabilities(scores)) scores = softmax(scores);
{% endif %}
{% endif %}
  if (!scores.every((score) => Number.isFinite(score) && score > ROUNDING))
    throw new Error(`no probabilities: ${scores.slice(0, 5)}`);
  scores = scores.map((score) => Math.min(Math.max(score, 0), 1));
  const names = labels ?? scores.map((_, n) => `class ${n}`);
  if (names.length !== scores.length)
    throw new Error(`${names.length} labels for a model of ${scores.length} classes`);
{% if model.answers_class %}
  return names[scores.indexOf(Math.max(...scores))];
{% else %}
  return Object.fromEntries(names.map((name, n) => [name, scores[n]]));
{% endif %}
}
{% if not model.scores %}

function areProbabilities(scores) {
  const sum = scores.reduce((all, score) => all + score, 0);
  return Math.min(...scores) > ROUNDING && Math.abs(sum - 1) <= 0.01;
}
{% endif %}
{% if model.scores in ("logits", "class logits") or not model.scores %}

function softmax(scores) {
  const most = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - most));
  const sum = powers.reduce((all, power) => all + power, 0);
  return powers.map((power) => power / sum);
}
{% endif %}
