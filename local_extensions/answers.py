"""Answers to the questions as a typed value: the only module with cookiecutter's names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from . import hub


class Answers(NamedTuple):
    """Answers to the questions; None where a question has not been asked yet."""

    task: str | None  # never "auto"
    model_path: Path | None  # absolute; None for the demo model
    hub: hub.Source | None  # of that path, if it is in the Hub's cache and stays on the Hub
    framework: str | None  # the one that runs the model, never "auto"
    project_name: str
    project_slug: str | None
    description: str | None
    platform: str | None
    hardware: str | None
    python_version: str | None
    license: str | None
    ci: bool
    limits: str | None  # "ignore" to generate what does not fit
    preview: str | None
    template: str  # as given on the command line
    given: tuple[tuple[str, Any], ...]  # questions and answers, unchanged

    @property
    def model_name(self) -> str:
        """Name of the owner's model, for messages."""
        return self.hub.name if self.hub else self.model_path.name

    @classmethod
    def of(cls, context: Mapping[str, Any]) -> "Answers":
        """Read the answers from cookiecutter's context."""
        own = context.get("__model_path")
        source = hub.pinned(own) if own else None
        return cls(
            task=context.get("__task"),
            model_path=source.path if source else Path(own) if own else None,
            hub=source,
            framework=context.get("__framework"),
            project_name=context.get("project_name"),
            project_slug=context.get("project_slug"),
            description=context.get("description"),
            platform=context.get("platform"),
            hardware=context.get("hardware"),
            python_version=context.get("python_version"),
            license=context.get("license"),
            ci=bool(context.get("ci")),
            limits=context.get("limits"),
            preview=context.get("preview"),
            template=context.get("_template", ""),
            given=tuple((name, value) for name, value in context.items() if name[0] != "_"),
        )
