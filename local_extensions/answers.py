"""Answers to the questions as a typed value: the only module with cookiecutter's names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple


class Answers(NamedTuple):
    """Answers to the questions; None where a question has not been asked yet."""

    task: str | None  # never "auto"
    model_path: Path | None  # absolute; None for the demo model
    framework: str | None  # the one that runs the model, never "auto"
    project_name: str
    project_slug: str | None
    description: str | None
    platform: str | None
    hardware: str | None
    python_version: str | None
    license: str | None
    ci: bool
    template: str  # as given on the command line
    given: tuple[tuple[str, Any], ...]  # questions and answers, unchanged

    @classmethod
    def of(cls, context: Mapping[str, Any]) -> "Answers":
        """Read the answers from cookiecutter's context."""
        model_path = context.get("__model_path")
        return cls(
            task=context.get("__task"),
            model_path=Path(model_path) if model_path else None,
            framework=context.get("__framework"),
            project_name=context.get("project_name"),
            project_slug=context.get("project_slug"),
            description=context.get("description"),
            platform=context.get("platform"),
            hardware=context.get("hardware"),
            python_version=context.get("python_version"),
            license=context.get("license"),
            ci=bool(context.get("ci")),
            template=context.get("_template", ""),
            given=tuple((name, value) for name, value in context.items() if name[0] != "_"),
        )
