{# The frame of app.py: inputs/<kind>/_page.py extends it, and a task's app.py that. #}
{% set project = cookiecutter | project %}
{% set task = project.task %}
{% set zero = project.host.tier.class == "zero" %}
{% set source = project.platform.get("predict_from", "model") %}
{% set of_model = (facts | default([])) + (["load", "predict"] if source == "model" else []) %}
"""The web page: {{ task.does }}."""

{% block standard_library %}
{% endblock %}
import gradio as gr
{% if zero %}
import spaces
{% endif %}

{% if source != "model" %}
from {{ source }} import load, predict
{% endif %}
from ml_ui import {{ "card, " if project.model.file }}{{ task.ml_ui | join(", ") }}
{% block texts %}
{% endblock %}
{% if of_model %}
from model import {{ of_model | join(", ") }}
{% endif %}

{% block constants %}
{% endblock %}
{% if zero %}

{% include ["frameworks/" ~ project.framework.name ~ "/_zero.py", "parts/_zero.py"] %}
{% endif %}


@guard
{% block answer %}
{% endblock %}


demo = gr.Interface(
    fn=answer,
    inputs={{ task.input.component }},
    outputs={{ task.output.component }},
{% block examples %}
{% endblock %}
    title={{ cookiecutter.project_name | py }},
    description={{ cookiecutter.description | py }},
{% if project.model.file %}
    article=card.about(Path(__file__).with_name("MODEL_CARD.md")),
{% endif %}
    api_name="predict",
    flagging_mode="never",
    deep_link=False,  # its links would point to files deleted after ten minutes
)

if __name__ == "__main__":
{% set batch = project.framework.batch[task.input.name] | default(1) %}
{% if batch > 1 %}
    launch(demo, load, calls_per_worker={{ batch }})  # waiting calls run as a batch
{% else %}
    launch(demo, load)
{% endif %}
