{% extends "inputs/picture/_model.py" %}
{% block predict %}
def predict(image: np.ndarray) -> {{ "str" if (cookiecutter | project).model.answers_class else "dict[str, float]" }}:
    """Classify a picture.

    Args:
        image: RGB, shape (height, width, 3), uint8, 0 to 255.

    Returns:
{% if (cookiecutter | project).model.answers_class %}
        The label; the model gives no probabilities.
{% else %}
        The probability of each label, 0 to 1.
{% endif %}

    Raises:
        ValueError: the labels do not match the classes, or the scores are not finite.
    """
    model = load()
    return _labelled(model(prepare(image, model.input_shape))[0])
{% endblock %}
