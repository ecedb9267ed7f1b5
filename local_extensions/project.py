"""The project to generate: its parts, each computed once from the answers."""

from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any

from ml_ui.sizing.footprint import Footprint
from ml_ui.sizing.report import Report

from . import estimate, manifest, record
from .answers import Answers
from .catalog import FRAMEWORKS, PLATFORMS, TASKS, Framework, Task
from .host import Host, host, pythons, useful_tiers
from .model import Model, model


class Project:
    """The project to generate, derived from the answers.

    Between the questions, only the parts that follow from the answers so far are available.
    """

    def __init__(self, answers: Answers) -> None:
        self.answers = answers

    @property
    def task(self) -> Task:
        """What the model does."""
        return TASKS[self.answers.task]

    @property
    def framework(self) -> Framework:
        """Framework that runs the model."""
        return FRAMEWORKS[self.answers.framework]

    @cached_property
    def model(self) -> Model:
        """The user's own model, or a demo's."""
        answers = self.answers
        return model(answers.task, answers.framework, answers.model_path, answers.hub)

    @property
    def platform(self) -> Mapping[str, Any]:
        """Facts about the platform."""
        return PLATFORMS[self.answers.platform]

    @cached_property
    def host(self) -> Host:
        """Platform, hardware tier and locked packages."""
        answers = self.answers
        place = answers.platform, answers.hardware, answers.python_version
        return host(answers.framework, *place, self.model.version, self.model.packages)

    @property
    def tiers(self) -> Mapping[str, Any]:
        """Hardware of the platform that can run the model, the default first."""
        answers = self.answers
        if answers.platform not in PLATFORMS:  # refused after the last question
            return {}
        return useful_tiers(answers.platform, answers.framework, self.model.version)

    @property
    def pythons(self) -> list[str]:
        """Versions of Python that run the model on the hardware, the default first."""
        tier = self.tiers.get(self.answers.hardware, {})
        return pythons(self.answers.framework, self.model.version, tier)

    @cached_property
    def files(self) -> dict[str, str]:
        """Files rendered for these answers, with their templates."""
        return manifest.files(self)

    @cached_property
    def copies(self) -> dict[str, str]:
        """Files and folders that are copied, with their paths in the project."""
        return manifest.copies(self)

    @cached_property
    def lfs_patterns(self) -> list[str]:
        """Patterns of .gitattributes for Git LFS."""
        return manifest.lfs_patterns(self)

    @cached_property
    def footprint(self) -> Footprint:
        """Estimated footprint."""
        return estimate.footprint_of(self)

    @cached_property
    def report(self) -> Report:
        """Footprint against the platform's limits."""
        return estimate.compare(self)

    @property
    def check(self) -> str:
        """Command that compares an own model's answers with known ones; "" for a demo's."""
        if not self.model.own:
            return ""
        known = self.model.labelled or any(self.model.answers)
        # The owner alone knows a right answer; no picture has one that is typed.
        asks = not known and self.task.output.name != "picture"
        return "python -m ml_ui check" + (" --example INPUT --expect LABEL" if asks else "")

    @property
    def cost(self) -> estimate.Cost:
        """What the host costs, and the sizes against its limits."""
        return estimate.cost(self)

    @property
    def answers_json(self) -> str:
        """Text of .ml-ui.json."""
        return record.answers_json(self)


project = cache(Project)
