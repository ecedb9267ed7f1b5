{% extends "inputs/picture/_page.py" %}
{% block answer %}
def answer(image: str | None) -> {{ "str" if (cookiecutter | project).model.answers_class else "dict[str, float]" }}:
    """Return the {{ "label" if (cookiecutter | project).model.answers_class else "probability of each label" }} for the picture in a file."""
    return predict(pictures.read(image))
{% endblock %}
