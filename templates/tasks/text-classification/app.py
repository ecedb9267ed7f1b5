{% extends "inputs/text/_page.py" %}
{% block texts %}
from ml_ui.languages import Text
{% endblock %}
{% block answer %}
def answer(text: str) -> {{ "str" if (cookiecutter | project).model.answers_class else "dict[str, float]" }}:
    """Return the {{ "label" if (cookiecutter | project).model.answers_class else "probability of each label" }} for a text."""
    if not isinstance(text, str) or not text.strip():
        raise gr.Error("Write a text first.")
    if len(text) > LONGEST:
        raise gr.Error(
            Text("Write a shorter text: up to {most} characters.", most=LONGEST)
        )
    return predict(text)
{% endblock %}
