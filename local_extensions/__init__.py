"""Cookiecutter's extension: the filters that the questions and the templates use."""

import shlex
from datetime import date

from jinja2 import Environment
from jinja2.ext import Extension

from . import catalog, files, fit, host, model, questions, quoting

FOLDER = "{{cookiecutter.project_slug}}"


class ProjectExtension(Extension):
    """Adds the filters below and the catalogue of what is offered."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals |= {"catalog": catalog.CATALOG, "year": date.today().year}
        environment.filters |= {
            "choose_model": questions.choose_model,
            "choose_framework": questions.choose_framework,
            "show_hardware": questions.show_hardware,
            "check": questions.check,
            "folder": questions.folder,
            "model": model.model,
            "hardware": host.hardware,
            "optional_files": files.optional_files,
            "copies": files.copies,
            "told": fit.told,
            "hosting": host.hosting,
            "fit": fit.fit,
            "record": files.record,
            "cost": fit.cost,
            "slug": quoting.slug,
            "py": quoting.py,
            "py_block": quoting.py_block,
            "json": quoting.json_line,
            "sh": shlex.quote,
        }

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Check the answers where cookiecutter renders the name of the project's folder.

        That is after the questions, before anything is made, and at a replay, which asks
        none. A filter in the folder's own name would not do: Windows allows no bar there.
        """
        return "{{ cookiecutter | folder }}" if source == FOLDER else source
