{% extends "inputs/picture/_model.py" %}
{% block predict %}
def predict(image: np.ndarray) -> np.ndarray:
    """Convert a picture.

    Args:
        image: RGB, shape (height, width, 3), uint8, 0 to 255.

    Returns:
        RGB, shape (height, width, 3), or grey, shape (height, width); uint8, 0 to 255.

    Raises:
        ValueError: the output has values that are not finite.
    """
    model = load()
    output = model(prepare(image, model.input_shape))[0]
    if not np.isfinite(output).all():
        raise ValueError("the model's output has values that are not finite")
    if output.shape[0] in (1, 3):  # channels first
        output = output.transpose(1, 2, 0)
{% set scores = (cookiecutter | project).model.scores %}
{% if scores == "independent" %}
    pixels = output  # a sigmoid's, 0 to 1
{% elif scores == "class logits" %}
    pixels = 0.5 + np.tanh(output / 2) / 2  # the sigmoid of a mask's logits
{% else %}
    pixels = output * np.float32(STD) + np.float32(MEAN)
{% endif %}
    return (pixels.clip(0, 1) * 255).round().astype(np.uint8).squeeze()
{% endblock %}
