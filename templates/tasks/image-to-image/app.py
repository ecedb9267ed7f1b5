{% extends "inputs/picture/_page.py" %}
{% block answer %}
def answer(image: str | None) -> str:
    """Convert the picture in a file; return the path of the result."""
    return pictures.write(predict(pictures.read(image)))
{% endblock %}
