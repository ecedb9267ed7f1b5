{% extends "inputs/row/_page.py" %}
{% block texts %}
from ml_ui.languages import Text
{% endblock %}
{% block answer %}
def answer(*row: float | str | None) -> dict[str, float] | float | str:
    """Return the prediction for a row, after validating its fields."""
    given = dict(zip(FEATURES, row, strict=True))
    empty = [name for name, value in given.items() if value in (None, "")]
    if empty:
        raise gr.Error(Text("Fill in {fields}.", fields=", ".join(empty)))
    for name, value in FEATURES.items():
        if isinstance(value, list) and given[name] not in value:
            choices = ", ".join(map(str, value))
            raise gr.Error(
                Text("Choose {field} from {choices}.", field=name, choices=choices)
            )
        if not isinstance(value, int | float):
            continue
        if not is_finite(given[name]):
            raise gr.Error(Text("Give a number for {field}.", field=name))
        if isinstance(value, int) and given[name] % 1:
            raise gr.Error(Text("Give a whole number for {field}.", field=name))
        most = LARGEST_WHOLE if isinstance(value, int) else LARGEST
        if abs(given[name]) > most:
            words = "Give a number from {least} to {most} for {field}."
            raise gr.Error(Text(words, least=-most, most=most, field=name))
    return predict(*row)
{% endblock %}
