"""The project that the answers ask for, each part worked out once."""

from dataclasses import dataclass
from functools import cache, cached_property

from ml_ui.sizing.footprint import Footprint
from ml_ui.sizing.report import Report

from . import host, model, record, sizing
from .answers import Answers
from .catalog import FRAMEWORKS, PACKAGE, PLATFORMS, TASKS, TEMPLATES, Framework, Task
from .host import Host
from .model import Model


@dataclass(frozen=True)
class Project:
    """What the answers come to.

    A file comes into a project by one of three ways: every project has what is in
    {{cookiecutter.project_slug}}/; `files` are rendered from templates/; `copies` come as they
    are. At questions, only what follows from the answers so far may be asked for.
    """

    answers: Answers

    @property
    def task(self) -> Task:
        """What the model does."""
        return TASKS[self.answers.task]

    @property
    def framework(self) -> Framework:
        """What runs the model."""
        return FRAMEWORKS[self.answers.framework]

    @cached_property
    def model(self) -> Model:
        """The user's own model, or a demo's."""
        return model.model(self.answers.task, self.answers.framework, self.answers.model_path)

    @cached_property
    def tiers(self) -> dict:
        """Tiers of the platform, the default first."""
        return PLATFORMS[self.answers.platform]["hardware"]

    @cached_property
    def host(self) -> Host:
        """The platform and tier where it will live."""
        answers = self.answers
        return host.host(
            answers.framework, answers.platform, answers.hardware, answers.python_version
        )

    @cached_property
    def files(self) -> dict[str, str]:
        """Files that only these answers need, each with its template in templates/."""
        task, framework = f"tasks/{self.task.name}", f"frameworks/{self.framework.name}"
        files = {
            "app.py": f"{task}/app.py",
            "model.py": f"{task}/{'model' if self.model.file else 'function'}.py",
            "tests/test_model.py": f"{task}/test_model.py",
            ".ml-ui.json": "parts/record.json",
        }
        if self.model.runtime:
            files["runtime.py"] = f"{framework}/{self.model.runtime}"
        if self.model.architecture:
            files["architecture.py"] = f"{framework}/{self.model.architecture}"
        if self.model.labels:
            files["model/labels.txt"] = "parts/labels.txt"
        if self.answers.license != "none":
            files["LICENSE"] = f"licenses/{self.answers.license}.txt"
        for layer in self.layers:
            for path in sorted((TEMPLATES / layer).rglob("*")):
                if path.is_file() and path.name[0] != "_":  # a part of another file
                    name = path.relative_to(TEMPLATES / layer).as_posix()
                    files[name] = f"{layer}/{name}"
        return {
            name: template
            for name, template in files.items()
            if self.answers.ci or not name.startswith(".github/")
        }

    @property
    def layers(self) -> list[str]:
        """Folders of templates/ that are laid over the project, the last one on top."""
        platform = self.answers.platform
        platforms = (*PLATFORMS[platform].get("files_of", ()), platform)
        return ["ci", *(f"platforms/{name}" for name in platforms)]

    @cached_property
    def copies(self) -> dict[str, str]:
        """Files and folders that come as they are, each with its path in the project."""
        requirements, chosen = TEMPLATES / "requirements", self.model
        copies = {
            requirements / f"{self.host.lock}.txt": "requirements.txt",
            PACKAGE: "ml_ui",
            requirements / "dev.txt": "requirements-dev.txt",
            **{source: f"model/{name}" for source, name in chosen.files.items()},
            **({chosen.examples: "examples"} if chosen.examples else {}),
        }
        return {str(source): target for source, target in copies.items()}

    @cached_property
    def footprint(self) -> Footprint:
        """What it will weigh."""
        return sizing.estimate(self)

    @cached_property
    def report(self) -> Report:
        """What it will weigh beside the limits of its platform."""
        return sizing.compare(self)

    @property
    def summary(self) -> str:
        """Text for the terminal: whether it fits, and what to know of its model."""
        return sizing.summary(self)

    @property
    def cost_section(self) -> str:
        """The README's section on cost and limits."""
        return sizing.cost_section(self)

    @property
    def answers_json(self) -> str:
        """Text of .ml-ui.json."""
        return record.answers_json(self)


project = cache(Project)
