{% extends "inputs/picture/_page.py" %}
{% block answer %}
def answer(image: str | None) -> dict[str, float] | str:
    """Return the probability of each label for the picture in a file."""
    return predict(pictures.read(image))
{% endblock %}
