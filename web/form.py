"""The questions as a form: for each answer whether it is offered, and otherwise why not.

cookiecutter asks, as in a terminal, and the form is what its questions are put to. So texts,
defaults, choices and validations are the template's own, and answers are not rendered as Jinja.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local_extensions import choices, command_line, estimate, prompts, questions
from local_extensions.questions import Context, Refused

MODEL = "model_path"  # a question that a stranger's text never answers: it is a path here
ASKED = [name for name in command_line.questions() if name[0] != "_" and name != MODEL]
IGNORE = "ignore"  # of limits


class Form(prompts.Session):
    """One visitor's answers; a question with no answer, or a wrong one, takes its default."""

    def __init__(self, context: Context, given: Mapping[str, str], model: Path | None) -> None:
        super().__init__(context)
        self.given, self.model = given, model
        self.questions: list[dict[str, Any]] = []
        self.problems: list[str] = []  # answers that are refused
        self.changed: list[str] = []  # answers that went with others, and now do not
        self.chosen: dict[str, str] = {}  # answers that the visitor gave, and that hold
        self.command: dict[str, str] = {}  # answers that are not cookiecutter's defaults

    def ask(self, name: str, default: Any, text: str, number: str) -> Any:
        """Answer a question from the form, and describe it."""
        question = {"name": name, "text": text, "wanted": self.given.get(name, "").strip()}
        if name == MODEL:
            return str(self.model or "")
        if isinstance(default, bool):
            answer = self.yes_or_no(question, default)
        elif name in choices.CHOICES:
            answer = self.one_of(question, default)
        else:
            answer = self.typed(question, default)
        self.questions.append(question)
        self.context[name] = answer
        if answer != default:
            self.command[name] = {True: "yes", False: "no"}.get(answer, answer)
        return answer

    def yes_or_no(self, question: dict[str, Any], default: bool) -> bool:
        """Answer yes or no."""
        usual, other = ("yes", "no") if default else ("no", "yes")
        is_other = question["wanted"] == other
        if is_other:
            self.chosen[question["name"]] = other
        question["rows"] = [
            row(question, usual, "", (usual,), not is_other),
            row(question, other, other, (other,), is_other),
        ]
        return default is not is_other

    def one_of(self, question: dict[str, Any], default: str) -> str:
        """Answer a question with choices. The row of the default has no value.

        So it follows when other answers change: the visitor did not choose it.
        """
        name, wanted, so_far = question["name"], question["wanted"], self.answers()
        offered = choices.CHOICES[name](so_far)
        every = choices.EVERY.get(name, choices.CHOICES[name])(so_far)
        reasons = {each: self.why_not(name, each) for each in every if each not in offered}
        misfits = {} if self.given.get("limits") == IGNORE else dict(self.misfits(name, offered))
        usual = default if default in offered else next(iter(offered))
        usual = next((each for each in (usual, *offered) if each not in misfits), usual)
        if wanted and wanted not in offered:
            reason = reasons.get(wanted) or _short(choices.unknown(name, wanted, offered))
            text = f"{question['text']} {_sentence(reason, name)} Now: {every[usual][0]}."
            self.changed.append(text)
            wanted = ""
        chosen = wanted or usual
        if chosen != usual:
            self.chosen[name] = chosen
        rows = [
            row(
                question,
                each,
                "" if each == usual else each,
                [cell for cell in map(str.strip, cells) if cell],
                each == chosen,
                _sentence(reasons.get(each) or misfits.get(each, ""), name),
            )
            for each, cells in every.items()
        ]
        folds = name == "hardware" and len(rows) > prompts.ROWS  # as in a terminal
        first = [each for each in rows if not each["disabled"]][: prompts.ROWS]
        question["rows"] = [r for r in rows if r["checked"] or r in first] if folds else rows
        question["more"] = [each for each in rows if each not in question["rows"]]
        return default if chosen == usual and default not in offered else chosen

    def typed(self, question: dict[str, Any], default: str) -> str:
        """Answer with a text."""
        name, wanted = question["name"], question["wanted"]
        question["default"] = default
        if not wanted or wanted == default:
            return default
        self.chosen[name] = wanted
        found = [*command_line.rendered(name, wanted)]
        found += questions.CHECKS[name](self.answers(**{name: wanted}))
        question["problem"] = " ".join(_sentence(each, name) for each in found)
        self.problems += found
        return default if found else wanted

    def why_not(self, name: str, answer: str) -> str:
        """Return why an answer is not offered, in the words of its refusal."""
        return _short(" ".join(self.refusals(name, answer)))

    def misfits(self, name: str, offered: choices.Rows) -> Iterator[tuple[str, str]]:
        """Yield the platforms or tiers on which the project does not fit, with the figures."""
        for each in offered:
            if name == "hardware" and (reason := estimate.misfit(self.project_on(each))):
                yield each, reason
            elif name == "platform":
                found = [estimate.misfit(wanted) for wanted in self.projects_on(each)]
                if found and all(found):
                    yield each, found[0]


def row(
    question: dict[str, Any],
    name: str,
    value: str,
    cells: Any,
    checked: bool,
    reason: str = "",
) -> dict[str, Any]:
    """Return a choice of a question, for the page."""
    return {
        "id": f"{question['name']}-{name}",
        "value": value,
        "cells": [*cells],
        "checked": checked,
        "reason": reason,
        "disabled": bool(reason) and not checked,
    }


def filled(given: Mapping[str, str], model: Path | None) -> tuple[Form, Context]:
    """Ask the questions; return the form, and cookiecutter's context.

    A model that is refused is left out, and is one of the form's problems.
    """
    made: list[Form] = []

    def start(context: Context) -> Form:
        made.append(Form(context, given, model))
        return made[-1]

    try:
        context = prompts.put(start)
    except Refused as error:
        if not model:
            raise
        form, context = filled(given, None)
        form.problems[:0] = error.problems
        return form, context
    (form,) = made
    if given.get("limits") == IGNORE:
        form.chosen["limits"] = form.command["limits"] = context["cookiecutter"]["limits"] = IGNORE
    return form, context


def _short(text: str) -> str:
    """Return a refusal without what to answer instead: the form shows that."""
    return re.sub(r" (Answer|Give|This task) .*", "", text, flags=re.DOTALL)


def _sentence(text: str, name: str) -> str:
    """Return a refusal without the name of its question, which stands beside it."""
    return text.removeprefix(f"{name}: ")
