{% extends "inputs/row/_model.py" %}
{% block ml_ui %}
from ml_ui.values import Values
{% endblock %}
{% block predict %}
{% set scores = (cookiecutter | project).model.scores %}
def predict(*row: float | str) -> dict[str, float] | float | str:
    """Predict the class or the numbers for a row.

    Args:
        row: a value for each of FEATURES, in their order and units.

    Returns:
        The probability of each label, 0 to 1, or the label alone from a model without
        probabilities; for a regression a number. Several numbers or classes are a text,
        such as "1.5, -2.25", and a list in the API.

    Raises:
        ValueError: the row or the labels do not match the model, or its output is not
            finite.
    """
    model = load()
    if model.input_shape and model.input_shape[-1] not in (None, len(row)):
        raise ValueError(
            f"the model takes {model.input_shape[-1]} columns, the row has {len(row)}: "
            "edit FEATURES in model.py"
        )
    has_text = any(isinstance(value, str) for value in row)
    output = np.ravel(model(np.array([row], object if has_text else float))[0])
    if output.dtype.kind == "U":  # the classes of several targets
        return Values(output.tolist())
{% if scores in ("probabilities", "class logits") %}
    return _labelled(output)
{% else %}
    labels = model.labels
    if labels is None:
{% if scores %}
        labels = LABELS.exists()
{% else %}
        labels = LABELS.exists() or (output.size > 1 and _are_probabilities(output))
{% endif %}
    if labels:
        return _labelled(output)
    if not np.isfinite(output).all():
        raise ValueError(f"no numbers: {output.tolist()}")
    return float(output[0]) if output.size == 1 else Values(output)
{% endif %}
{% endblock %}
