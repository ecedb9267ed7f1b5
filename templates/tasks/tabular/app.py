{% extends "inputs/row/_page.py" %}
{% block answer %}
def answer(*row: float | str | None) -> dict[str, float] | float | str:
    """Return the prediction for a row, after validating its fields."""
    given = dict(zip(FEATURES, row, strict=True))
    empty = [name for name, value in given.items() if value in (None, "")]
    if empty:
        raise gr.Error(f"Fill in {', '.join(empty)}.")
    numbers = [name for name, value in FEATURES.items() if not isinstance(value, str)]
    wrong = [name for name in numbers if not is_finite(given[name])]
    if wrong:
        raise gr.Error(f"Give a number for {', '.join(wrong)}.")
    return predict(*row)
{% endblock %}
