{% extends "parts/_model.py" %}
{% block predict %}
def predict(text: str) -> dict[str, float] | str:
    """Classify a text.

    Args:
        text: the text, as the user wrote it.

    Returns:
        The probability of each label, 0 to 1, or the label alone from a model without
        probabilities.

    Raises:
        ValueError: the labels do not match the classes, two are the same, or the scores
            are not finite.
    """
    return _labelled(load()(np.array([text], dtype=object))[0])
{% endblock %}
