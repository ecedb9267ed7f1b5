"""G1 to G13, G25, G26: hostile answers."""

import os

from .. import Seen, both
from .desk import (
    EXACT,
    REFUSED,
    Desk,
    Target,
    in_each,
    in_texts,
    marks,
    outcome,
    short,
    summary,
    write,
)

QUOTES = ['Say "hi"', "O'Brien", '"""', "'''", 'a"""b', """both " and '"""]
BACKSLASHES = ["C:\\new\\table", "ends\\", '\\"', "\\u0041", "\\N{DIGIT ONE}"]
CONTROLS = ["two\nlines", "two\r\nlines", "tab\there", "bell\a", "\x1b[31mred", "del\x7f"]
INJECTIONS = [
    '"; __import__("os").system("touch ~/X"); "',
    "'; __import__('os').system('touch ~/X'); '",
    '"""; __import__("os").system("touch ~/X") #',
    '"\n__import__("os").system("touch ~/X")\n"',
]
SHELL = [
    "$(touch ~/X)", "`touch ~/X`", "; touch ~/X", '"; touch ~/X; "', "'; touch ~/X; '", "$HOME",
]  # fmt: skip
JINJA = ["{{ 7*7 }}", "{% raw %}", "{# no #}", "{{ lipsum.__globals__.os.popen('touch ~/X') }}"]
YAML = [
    "yes", "~", "null", "1_000", "0x1F", "2026-11-01", "a: b", "a #b", "# a", "---", "[a]", "*a",
]  # fmt: skip
LETTERS = ["模型 🤗", "👩‍👩‍👧 family", "مرحبا", "\u202eevil\u202c", "Ünïcödé ﬁne", "no\u00a0break"]
SEPARATORS = ["next\x85line", "line\u2028separator", "paragraph\u2029separator"]
UNDECODABLE = os.fsdecode(b"half\xff")  # a lone surrogate, as from a terminal


def g1_quotes(target: Target) -> Seen:
    """Give quotes."""
    return in_texts(target, QUOTES, EXACT)


def g2_backslashes(target: Target) -> Seen:
    """Give backslashes."""
    return in_texts(target, BACKSLASHES, EXACT)


def g3_control_characters(target: Target) -> Seen:
    """Give line ends and control characters."""
    return in_each(target, target.texts, CONTROLS, REFUSED)


def g4_python(target: Target) -> Seen:
    """Give Python code at each question that takes a text."""
    asked = [name for name, default in target.questions.items() if isinstance(default, str)]
    return in_each(target, asked, INJECTIONS, EXACT, REFUSED)


def g5_shell(target: Target) -> Seen:
    """Give shell code, and start the project by its Procfile, with a stub for Python."""
    outcomes = {}
    for value in SHELL:
        desk, given = Desk(target), dict.fromkeys(target.texts, value) | target.starts
        seen = outcome(desk, desk.generate(**given), given)
        wrong = start_by_procfile(desk, value) if (desk.project / "Procfile").exists() else ""
        outcomes[short(value)] = wrong or seen
    return summary(outcomes, EXACT)


def start_by_procfile(desk: Desk, title: str) -> str:
    """Run a project's Procfile; return what went wrong."""
    write(desk.room, {"bin/python": '#!/bin/sh\nprintf %s "${APP_TITLE-unset}" >~/started\n'})
    (desk.room / "bin" / "python").chmod(0o755)
    line = (desk.project / "Procfile").read_text("utf-8").partition(":")[2]
    command = ["sh", "-c", f"cd {desk.project.name} && {line}"]
    desk.run(command, PATH=f"{desk.room / 'bin'}:/usr/bin:/bin", PORT="5000")
    if desk.canary.exists():
        return "run by the Procfile"
    started = desk.home / "started"
    if not started.exists():
        return "not started by the Procfile"
    return "" if started.read_text("utf-8") in (title, "unset") else "changed by the Procfile"


def g6_jinja(target: Target) -> Seen:
    """Type Jinja, since cookiecutter itself renders the command line."""
    return in_texts(target, JINJA, EXACT, typed=True)


def g7_yaml(target: Target) -> Seen:
    """Give texts that YAML reads as other types."""
    return in_texts(target, YAML, EXACT)


def g8_unicode(target: Target) -> Seen:
    """Give texts that are not ASCII."""
    letters = in_texts(target, LETTERS, EXACT)
    return both(letters, in_each(target, target.texts, SEPARATORS, EXACT, REFUSED))


def g9_undecodable_bytes(target: Target) -> Seen:
    """Give a byte that is not UTF-8, which no text file can hold."""
    return in_each(target, target.texts, [UNDECODABLE], REFUSED)


def g10_paths_as_slugs(target: Target) -> Seen:
    """Give a path as the folder's name, so that the project would be elsewhere."""
    slugs = ["../x", "../../evil", "a/b", ".", "..", "", "-rf", str(target.work / "absolute")]
    seen = in_each(target, [target.slug], slugs, REFUSED)
    outside = (target.work / "absolute").exists()
    return both(seen, Seen("wrote to an absolute path", False)) if outside else seen


def g11_invalid_slugs(target: Target) -> Seen:
    """Give a folder name that some operating system or platform does not allow."""
    slugs = ["CON", "NUL", "con", "a.", "x" * 300, "Upper", "🤗", "a b"]
    return in_each(target, [target.slug], slugs, REFUSED)


def g12_long_titles(target: Target) -> Seen:
    """Give titles of 100 characters, of more, and type one of a megabyte."""
    title, desk = target.texts[0], Desk(target)
    longest = in_each(target, [title], ["x" * 100, "模" * 100], EXACT)
    longer = in_each(target, [title], ["x" * 101, "x" * 500], REFUSED)
    megabyte = desk.type(**(marks(target) | {title: "x" * 1_000_000})).ending or "accepted"
    return both(longest, longer, summary({"a megabyte, typed": megabyte}, REFUSED))


def g13_unknown_answers(target: Target) -> Seen:
    """Answer a question that does not exist, and give a choice that is not offered."""
    asked = {target.texts[0][:-1]: [target.texts[0]]} | target.choices
    outcomes = {}
    for question, known in asked.items():
        run = Desk(target).generate(**{question: "no-such-thing"})
        named = all(name in run.output for name in known)
        kind = f"refused with the known names ({run.ending})" if named else run.ending
        outcomes[f"{question}=no-such-thing"] = kind if run.status else "ignored in silence"
    return summary(outcomes, "refused")


def g26_jinja_on_the_command_line(target: Target) -> Seen:
    """Give Jinja as KEY=VALUE, which cookiecutter renders, and names of its own variables."""
    outcomes = {}
    cases = [(target.texts[1], value) for value in JINJA]
    cases += [(name, "x") for name in ("__start", "__model", "_is_new")]
    cases += [(target.texts[1], "{% for n in range(9999999) %}{% endfor %}")]
    for name, value in cases:
        desk = Desk(target)
        run = desk.generate(before=["timeout", "20"], **(marks(target) | {name: value}))
        seen = "hangs" if run.status == 124 else outcome(desk, run, {})
        outcomes[f"{name}={short(value)}"] = seen
    return summary(outcomes, REFUSED)
