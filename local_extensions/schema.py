"""JSON Schema (2020-12) of the questions: what they accept, made by asking them.

Without a model, which answers go together is in conditions ("if" and "then"). A model file
decides more than a schema can say: with its `model_path`, the schema is one for that model.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from . import choices, command_line, questions, quoting
from .catalog import PLATFORMS
from .headless import DEPENDS, QUESTIONS, Headless, Problem, ask, called, possible, unknown
from .project import project
from .prompts import CHOOSE

Schema = dict[str, Any]
Answers = tuple[str, ...]

# In each of these the answers are accepted that follow from others, in the order of deciding.
NARROWED: Mapping[str, Sequence[str]] = {
    "task": [],
    "framework": ["task"],
    "platform": ["framework", "task"],
    "hardware": ["platform", "framework", "task"],
    "python_version": ["platform", "hardware", "framework", "task"],
}
CHOSEN = ("task", "framework", "platform", "hardware")  # in the order of the questions
ABSENT = None  # as an answer: none is given, and the default taken
NO_MODEL = {"properties": {"model_path": {"enum": ["", "-"]}}}
# Spaces within a line, and what is in none: controls, breaks of lines, halves of characters.
BLANK = r" \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
ODD = r"\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff"
JINJA = r"\{[{%#]"  # which cookiecutter would run


def schema(given: Mapping[str, Any]) -> tuple[Schema | None, list[Problem]]:
    """Return the schema of all answers that have the given ones, or what is wrong with those."""
    with called(given):
        session, found = ask(given)
        problems = [*unknown(given), *found]
        if problems or session is None:
            return None, problems
        return _Schema(session).whole(), []


class _Schema:
    """The schema after some answers, which its session has."""

    def __init__(self, session: Headless) -> None:
        self.session, self.given = session, session.given
        self.after, self.accepted = cache(self._after), cache(self._accepted)

    def whole(self) -> Schema:
        """Return the schema."""
        known = {name: [d for d in NARROWED[name] if d not in self.given] for name in NARROWED}
        conditions = {
            name: self.conditions(name, others)
            for name, others in known.items()
            if name not in self.given
        }
        listed = [each for found in conditions.values() for each in found]
        if listed and "model_path" not in self.given:
            listed = [{"if": NO_MODEL, "then": {"allOf": listed}}]
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Answers to the questions of ml-ui-template",
            "type": "object",
            "additionalProperties": False,
            "properties": {name: self.property(name, known.get(name, [])) for name in QUESTIONS},
            **({"allOf": listed} if listed else {}),
        }

    def property(self, name: str, others: list[str]) -> Schema:
        """Return the schema of a question's answer."""
        question = self.session.questions[name]
        described = {
            "description": command_line.questions()["__prompts__"][name],
            "type": "boolean" if isinstance(question.default, bool) else "string",
            "default": question.default,
        }
        if name in DEPENDS:
            described["x-depends-on"] = [*DEPENDS[name]]
        if name in self.given:
            return described | {"const": self.given[name]}
        if question.accepted is None:
            return described | TEXTS[name]
        if described["type"] == "boolean":
            return described
        if "model_path" not in self.given and (others or name == "task"):
            return described | self.among(name, sorted(possible(name), key=_order(name)))
        every = {each for found in self.found(name, others) for each in found}
        return described | self.among(name, sorted(every, key=_order(name)))

    def among(self, name: str, accepted: Sequence[str], platform: str | None = None) -> Schema:
        """Return the schema of one of some answers, and what each is."""
        platform = platform or self.given.get("platform")
        if name == "hardware" and platform is None:
            return {"enum": [*accepted]}
        of = self.session.answers()._replace(platform=platform or "local")
        rows = choices.EVERY.get(name, choices.CHOICES.get(name, lambda _: {}))(of)
        words = [", ".join(filter(None, map(str.strip, rows.get(each, ())))) for each in accepted]
        return {"enum": [*accepted]} | ({"enumDescriptions": words} if any(words) else {})

    def found(self, name: str, others: Sequence[str]) -> list[Answers]:
        """Return what is accepted after each combination of other answers."""
        if not others:
            return [self.accepted(name) or ()]
        return [leaf for *_, leaf in self.leaves(name, others, {})]

    def conditions(self, name: str, others: Sequence[str]) -> list[Schema]:
        """Return which answers to a question go with which other answers."""
        return [
            _condition(when, {name: self.among(name, accepted, _only(when.get("platform")))})
            for when, accepted in self.leaves(name, others, {})
            if others
        ]

    def leaves(
        self, name: str, others: Sequence[str], known: Mapping[str, str | None]
    ) -> list[tuple[dict[str, tuple[str | None, ...]], Answers]]:
        """Return what is accepted, by sets of other answers after which it is the same."""
        if not others:
            found = self.accepted(name, **known)
            return [] if found is None else [({}, found)]
        first, *rest = others
        groups: dict[str, tuple[list[str | None], list[Any]]] = {}
        for answer in (ABSENT, *self.answers(first, known)):
            if below := self.leaves(name, rest, {**known, first: answer}):
                groups.setdefault(repr(below), ([], below))[0].append(answer)
        if len(groups) == 1:  # it makes no difference
            return next(iter(groups.values()))[1]
        return [
            ({first: tuple(answers), **when}, accepted)
            for answers, below in groups.values()
            for when, accepted in below
        ]

    def answers(self, name: str, known: Mapping[str, str | None]) -> list[str]:
        """Return the answers that a question may have after those to the ones before."""
        if name != "hardware":
            return [*choices.NAMES[name]]
        platform = known.get("platform") or self.given.get("platform")
        return [*PLATFORMS[platform or command_line.questions()["platform"]]["hardware"]]

    def _accepted(self, name: str, **known: str | None) -> Answers | None:
        """Return what is accepted after some answers; None if those are refused."""
        before = CHOSEN[: CHOSEN.index(name)] if name in CHOSEN else CHOSEN
        probe = self.after(*(self.given.get(each, known.get(each)) for each in before))
        return None if probe is None else tuple(probe.accepted(name, "") or ())

    def _after(self, *answers: str | None) -> Headless | None:
        """Return the session after answers to the first of CHOSEN; None if one is refused."""
        if not answers:
            probe = copy.copy(self.session)
            probe.context = {k: v for k, v in probe.context.items() if k not in CHOSEN}
            return probe
        *before, answer = answers
        if (last := self.after(*before)) is None:
            return None
        probe, question = copy.copy(last), CHOSEN[len(before)]
        probe.context = {**last.context}
        if answer is ABSENT and question == "hardware":
            answer = next(iter(project(probe.answers()).tiers), "")
        elif answer is ABSENT:
            answer = command_line.questions()[question]
        if probe.refusals(question, answer):
            return None
        probe.context[question] = answer
        if choose := CHOOSE.get(question):
            probe.context[f"__{question}"] = choose({**probe.context})
        return probe


def _only(answers: tuple[str | None, ...] | None) -> str | None:
    """Return the one answer of a condition, if it is one."""
    return answers[0] if answers and len(answers) == 1 else None


def _order(name: str) -> Callable[[str], int]:
    """Return the order of a question's answers, as a key to sort by."""
    tiers = (tier for host in choices.HOSTS for tier in PLATFORMS[host]["hardware"])
    return [*(tiers if name == "hardware" else choices.NAMES[name])].index


def _condition(when: Mapping[str, tuple[str | None, ...]], then: Schema) -> Schema:
    """Return the schema of what some answers are, if others are among these."""
    required = [name for name, answers in when.items() if ABSENT not in answers]
    named = {name: {"enum": [a for a in answers if a]} for name, answers in when.items()}
    condition = {"properties": named} | ({"required": required} if required else {})
    return {"if": condition, "then": {"properties": then}}


def _text(longest: int) -> Schema:
    """Return the schema of one line of text, with so many characters between its blanks."""
    inside, most = f"[^{ODD}]", longest - 2
    edge = f"[^{ODD}{BLANK}]"
    return {
        "pattern": f"^[{BLANK}]*{edge}({inside}{{0,{most}}}{edge})?[{BLANK}]*$",
        "not": {"pattern": f"[{ODD}]|{JINJA}"},
    }


TEXTS: Mapping[str, Schema] = {
    "model_path": {"not": {"pattern": JINJA}},
    **{name: _text(longest) for name, longest in questions.LONGEST.items()},
    "project_slug": {
        "pattern": f"^{quoting.WORDS}$",
        "minLength": 2,
        "maxLength": quoting.SLUG_LENGTH,
        "not": {"anyOf": [{"pattern": "[^a-z0-9-]"}, {"enum": sorted(quoting.DEVICES)}]},
    },
}
