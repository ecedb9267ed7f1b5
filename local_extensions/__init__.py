"""Cookiecutter's extension: the filters that the questions and the templates use."""

import shlex
from datetime import date

from jinja2 import Environment
from jinja2.ext import Extension

from . import describe, questions, quoting


class ProjectExtension(Extension):
    """Adds the filters below and the catalogue of what is offered."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals |= {"catalog": describe.CATALOG, "year": date.today().year}
        environment.filters |= {
            "choose_model": questions.choose_model,
            "choose_framework": questions.choose_framework,
            "show_hardware": questions.show_hardware,
            "folder": questions.folder,
            "model": describe.model,
            "hardware": describe.hardware,
            "optional_files": describe.optional_files,
            "copies": describe.copies,
            "told": describe.told,
            "hosting": describe.hosting,
            "fit": describe.fit,
            "record": describe.record,
            "cost": describe.cost,
            "slug": quoting.slug,
            "py": quoting.py,
            "py_block": quoting.py_block,
            "json": quoting.json_line,
            "sh": shlex.quote,
        }

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Check the answers before the project's folder is made."""
        return (
            "{{ cookiecutter | folder }}" if source == "{{cookiecutter.project_slug}}" else source
        )
