{% extends "inputs/row/_page.py" %}
{% block answer %}
def answer(*row: float | str | None) -> dict[str, float] | float | str:
    """Return the prediction for a row, after validating its fields."""
    given = dict(zip(FEATURES, row, strict=True))
    empty = [name for name, value in given.items() if value in (None, "")]
    if empty:
        raise gr.Error(f"Fill in {', '.join(empty)}.")
    for name, value in FEATURES.items():
        if isinstance(value, list) and given[name] not in value:
            raise gr.Error(f"Choose {name} from {', '.join(map(str, value))}.")
        if isinstance(value, int | float) and not is_finite(given[name]):
            raise gr.Error(f"Give a number for {name}.")
    return predict(*row)
{% endblock %}
