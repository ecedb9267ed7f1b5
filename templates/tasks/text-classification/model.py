{% extends "parts/_model.py" %}
{% block predict %}
def predict(text: str) -> dict[str, float]:
    """Classify a text.

    Args:
        text: the text, as the user wrote it.

    Returns:
        The probability of each label, 0 to 1.

    Raises:
        ValueError: the labels do not match the classes, or the scores are not finite.
    """
    return _labelled(load()(np.array([text], dtype=object))[0])
{% endblock %}
