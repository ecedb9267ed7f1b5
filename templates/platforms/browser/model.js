{% set project = cookiecutter | project %}
{% include "tasks/" ~ project.task.name ~ ("/model.js" if project.model.file else "/function.js") %}
