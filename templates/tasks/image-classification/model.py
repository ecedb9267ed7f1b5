{% extends "inputs/picture/_model.py" %}
{% block predict %}
def predict(image: np.ndarray) -> dict[str, float] | str:
    """Classify a picture.

    Args:
        image: RGB, shape (height, width, 3), uint8, 0 to 255.

    Returns:
        The probability of each label, 0 to 1, or the label alone from a model without
        probabilities.

    Raises:
        ValueError: the labels do not match the classes, two are the same, or the scores
            are not finite.
    """
    model = load()
    return _labelled(model(prepare(image, model.input_shape))[0])
{% endblock %}
