{% set project = cookiecutter | project %}
{% set tier = project.host.tier %}
"""Modal app: the image, the hardware, and the server that runs there."""

import subprocess

import modal

PORT = 7860
LEFT_OUT = ["**/__pycache__", ".git", ".github", ".venv", "tests"]

image = (
    modal.Image.debian_slim(python_version="{{ cookiecutter.python_version }}")
{% if project.framework.libraries %}
    .apt_install({% for name in project.framework.libraries %}{{ name | py }}{{ ", " if not loop.last }}{% endfor %})
{% endif %}
    .pip_install_from_requirements("requirements.txt")
    .env({"GRADIO_SERVER_NAME": "0.0.0.0", "PORT": str(PORT)})
    .workdir("/app")
{% if project.model.hub %}
    # The weights. Those that need a token are downloaded at the start.
    .add_local_dir("ml_ui", "/app/ml_ui", copy=True, ignore=LEFT_OUT)
    .add_local_file("model/hub.json", "/app/model/hub.json", copy=True)
    .run_commands("python -m ml_ui fetch --public")
{% endif %}
    .add_local_dir(".", "/app", ignore=LEFT_OUT)
)
app = modal.App({{ cookiecutter.project_slug | py }}, image=image)


@app.function(
{% if tier.class == "gpu" %}
    gpu="{{ tier.settings.gpu }}",
{% endif %}
    cpu={{ tier.settings.cpu }},
    memory=({{ tier.settings.memory }}, {{ tier.settings.memory }}),  # MiB: asked for, and the most
    # One process holds the queue and the visitors' files.
    max_containers=1,
    scaledown_window=300,  # seconds without a request
    timeout=3600,  # seconds of a request, the stream of a waiting call included
)
@modal.concurrent(max_inputs=1000)  # each open page holds a request or two
@modal.web_server(PORT, startup_timeout=300)
def serve() -> None:
    """Start the server; Modal sends requests once the port is open."""
    subprocess.Popen(["python", "app.py"])
