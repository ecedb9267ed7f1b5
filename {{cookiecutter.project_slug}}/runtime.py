{% set model = cookiecutter | model %}
{% include "frameworks/" ~ cookiecutter.__framework ~ "/" ~ (model.runtime | default("none")) ignore missing %}
