{% extends "parts/_model.py" %}
{% block predict %}
def predict(text: str) -> {{ "str" if (cookiecutter | project).model.answers_class else "dict[str, float]" }}:
    """Classify a text.

    Args:
        text: the text, as the user wrote it.

    Returns:
{% if (cookiecutter | project).model.answers_class %}
        The label; the model gives no probabilities.
{% else %}
        The probability of each label, 0 to 1.
{% endif %}

    Raises:
        ValueError: the labels do not match the classes, or the scores are not finite.
    """
    return _labelled(load()(np.array([text], dtype=object))[0])
{% endblock %}
