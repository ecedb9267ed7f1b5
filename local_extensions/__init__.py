"""Cookiecutter's extension: the filters that the questions and the templates use."""

import shlex
import sys
from contextlib import suppress
from datetime import date
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - cookiecutter may run in an older one
    raise ImportError(
        f"this template needs Python 3.11 or newer, and cookiecutter runs in "
        f"{sys.version.split()[0]}. Give it another: uvx --python 3.12 cookiecutter ..."
    )

from jinja2 import Environment, FileSystemBytecodeCache
from jinja2.bccache import Bucket
from jinja2.ext import Extension

# Generation and the generated project share one copy of the sizing.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from . import catalog, git, preview, prompts, questions, quoting, record
from .answers import Answers
from .languages import chinese
from .model_files.common import human
from .project import project


class CompiledTemplates(FileSystemBytecodeCache):
    """Bytecode cache of templates, in __pycache__ if Python writes bytecode."""

    def __init__(self) -> None:
        super().__init__(str(Path(__file__).with_name("__pycache__")))

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):  # the folder is read-only
            if not sys.dont_write_bytecode:
                super().dump_bytecode(bucket)


class ProjectExtension(Extension):
    """Adds the filters and globals below."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        questions.refuse_jinja()
        prompts.replace_readers()
        environment.bytecode_cache = CompiledTemplates()
        environment.globals |= {
            "platforms": catalog.PLATFORMS,
            "vendored": record.VENDORED,
            "year": date.today().year,
            "holder": git.user_name,
        }
        environment.filters |= {
            "project": lambda context: project(Answers.of(context)),
            "summary": lambda context: preview.summary(project(Answers.of(context))),
            "project_folder": questions.project_folder,
            "check_call": prompts.begin,
            "choose_model": questions.choose_model,
            "choose_task": questions.choose_task,
            "choose_framework": questions.choose_framework,
            "slug": quoting.slug,
            "py": quoting.py,
            "py_block": quoting.py_block,
            "json": quoting.json_text,
            "sh": shlex.quote,
            "human": human,
            "chinese": chinese,
        }

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Validate the answers when cookiecutter renders the name of the project's folder.

        That is after the questions, before anything is written, and in a replay too, which
        asks none. A filter in the folder's name is impossible: Windows forbids `|` there.
        """
        return "{{ cookiecutter | project_folder }}" if source == catalog.SKELETON.name else source
