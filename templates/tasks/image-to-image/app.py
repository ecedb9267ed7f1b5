{% extends "inputs/picture/_page.py" %}
{% block answer %}
def answer(image: str | None) -> str:
    """Turn the picture in a file into another, in another file."""
    return pictures.write(predict(pictures.read(image)))
{% endblock %}
