{% set model = cookiecutter | model %}
{% include "frameworks/" ~ cookiecutter.__framework ~ "/" ~ (model.architecture | default("none")) ignore missing %}
