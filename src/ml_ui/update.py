"""Update the project to a newer version of the template, with a three-way git merge.

Renders the recorded answers with the recorded commit of the template and with its
newest one, and merges the difference into the project. What the owner changed stays;
where both changed the same lines, git marks a conflict. Nothing is committed. It clones
the template and runs its code, as generating a project does.

Exit status: 0 merged, 1 merged with conflicts, 2 refused and nothing changed.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from . import hub, record
from .examples import TABLE
from .sizing import project
from .sizing.footprint import BadInput

PACKAGE = "ml_ui"
RECORD = record.NAME

# Called with the project, a temporary folder and the options; returns the exit status.
Command = Callable[[Path, Path, argparse.Namespace], int]


class Refused(Exception):
    """An update that cannot be made; nothing in the project has changed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's arguments."""
    add_origin(parser)
    parser.add_argument(
        "--to",
        metavar="COMMIT",
        default="HEAD",
        help="commit or tag to update to; else the newest",
    )
    parser.add_argument(
        "--model",
        metavar="FILE",
        help="the model used now, if not the one that the project was generated with",
    )
    parser.add_argument(
        "--package-only",
        action="store_true",
        help=f"replace the folder {PACKAGE}/ and nothing else",
    )


def add_origin(parser: argparse.ArgumentParser) -> None:
    """Define the arguments that say where the project comes from."""
    parser.add_argument(
        "--template",
        metavar="ADDRESS",
        help="a git address or folder; else the recorded address",
    )
    parser.add_argument(
        "--from",
        dest="base",
        metavar="COMMIT",
        help="commit or tag that the project was generated with, if none is recorded",
    )


def run(options: argparse.Namespace) -> int:
    """Update the project in the current folder; return the exit status."""
    return merged("update", replace_package if options.package_only else merge, options)


def merged(name: str, command: Command, options: argparse.Namespace) -> int:
    """Run a command that merges, in a temporary folder; report why it is refused."""
    # Git's files are read-only, and Windows deletes none of those at once.
    with TemporaryDirectory(prefix="ml-ui-", ignore_cleanup_errors=True) as folder:
        try:
            return command(Path.cwd(), Path(folder), options)
        except (Refused, BadInput, OSError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 2


def merge(owner: Path, temporary: Path, options: argparse.Namespace) -> int:
    """Merge what changed in the template into the project; return the exit status."""
    recorded = project.record(owner)
    refuse_unready(owner, options.template, recorded)
    answers, made = recorded["answers"], recorded.get("template", {})
    model = own_model(owner, recorded, options.model)
    asked = answers | ({"model_path": model} if model else {})

    clone = cloned(options.template, recorded, temporary / "template")
    base = resolved(clone, options.base or made.get("commit"))
    target = resolved(clone, options.to)
    # After --package-only, it differs from the template's.
    package = None if options.base else recorded.get(PACKAGE, {}).get("commit")
    if target == base == (package or base):
        print(f"The project is up to date with the template, {target[:9]}.")
        return 0

    old = rendered(clone, base, asked, temporary / "old")
    new = rendered(clone, target, asked, temporary / "new")
    if package and package != base:
        shutil.rmtree(old / PACKAGE)
        copy_package(clone, resolved(clone, package), old / PACKAGE)
    vendored = tracked(owner, PACKAGE)
    absent = [] if vendored else [PACKAGE]
    theirs = ["examples", *absent] if model else absent
    if model and recorded["model"].get("file") != hub.NAME:
        theirs.append("model")
    for name in theirs:
        for render in (old, new):
            shutil.rmtree(render / name, ignore_errors=True)
    if model and (owner / TABLE).exists():
        keep(TABLE, old, new)
    now = json.loads((new / RECORD).read_text("utf-8"))
    address = record.address(options.template or record.TEMPLATE)
    if address == record.TEMPLATE:  # a folder: the recorded address is still good
        address = made.get("address") or address
    now["template"]["address"] = address
    name = answers.get("model_path")
    if name and now["model"]["file"] != hub.NAME:
        now["answers"]["model_path"] = name
    (new / RECORD).write_text(record.text(now) + "\n", "utf-8")
    # No owner edits the record: with theirs as the base, the new one replaces it.
    shutil.copyfile(owner / RECORD, old / RECORD)

    version = now["template"]["version"]
    title = f"Update {record.TEMPLATE} to {version}"
    conflicts = cherry_picked(owner, temporary / "merge", old, new, title)
    print(f"Template: {written(made | {'commit': base})} -> {written(now['template'])}")
    show_questions(answers, now["answers"])
    show_files(owner, conflicts)
    if not vendored:
        print(f"There is no {PACKAGE}/ here: install ml-ui {now[PACKAGE]['version']}.")
    if conflicts:
        print(
            "Next: edit the files with conflicts, git add them, run the tests, commit."
        )
    else:
        print("Next: look at git diff --cached, run the tests, commit.")
    print("To undo it: git reset --hard")
    return 1 if conflicts else 0


def keep(path: Path, old: Path, new: Path) -> None:
    """Remove a file from both renders, so that the owner's stays as it is."""
    for render in (old, new):
        (render / path).unlink(missing_ok=True)


def replace_package(owner: Path, temporary: Path, options: argparse.Namespace) -> int:
    """Replace the vendored package, whole; return the exit status."""
    recorded = project.record(owner)
    folder = owner / PACKAGE
    if not folder.is_dir():
        raise Refused(
            f"there is no {PACKAGE}/ here. Update the installed package: ml-ui."
        )
    if changes := git(owner, "status", "--porcelain", "--", PACKAGE, RECORD):
        raise Refused(f"commit or undo these changes first:\n{changes.rstrip()}")
    clone = cloned(options.template, recorded, temporary / "template")
    target = resolved(clone, options.to)
    # Beside the folder, so that the exchange is two renames on one file system.
    with TemporaryDirectory(prefix=f".{PACKAGE}-", dir=owner) as beside:
        old, new = Path(beside, "old"), Path(beside, "new")
        version = copy_package(clone, target, new)
        now = {"version": version, "commit": target}
        text = record.text(recorded | {PACKAGE: now})
        Path(beside, RECORD).write_text(text + "\n", "utf-8")
        try:
            folder.rename(old)
            new.rename(folder)
            os.replace(Path(beside, RECORD), owner / RECORD)
        except BaseException:  # an interrupt too must leave the old one
            if old.exists():
                shutil.rmtree(folder, ignore_errors=True)
                old.rename(folder)
            raise
    print(f"{PACKAGE}/: {written(recorded.get(PACKAGE, {}))} -> {written(now)}")
    print(f"Next: run the tests, then commit {PACKAGE}/ and {RECORD}.")
    return 0


def written(at: dict[str, Any]) -> str:
    """Write a version and its commit for the terminal."""
    commit = at.get("commit") or "unknown"
    return f"{at.get('version', 'unknown version')} ({commit[:9]})"


def own_model(owner: Path, recorded: dict[str, Any], given: str | None) -> str | None:
    """Return the model of the owner, with which both versions are rendered.

    It is the answer to that question: a path, or an id of the Hub with its commit.
    """
    name = recorded["answers"].get("model_path")
    reference = owner / "model" / hub.NAME
    if given:
        return model_answer(given)
    if name and recorded["model"].get("file") == hub.NAME:
        # The file, not the record: its owner may have pinned another commit.
        return hub.Weights.read(reference).id if reference.exists() else name
    if not name:
        return None  # the demo model, which comes with the template
    path = owner / "model" / (recorded["model"].get("file") or name)
    if not path.exists():
        raise Refused(
            f"there is no {path}. The project was generated with this model; if it "
            "uses another one now, give --model FILE."
        )
    return str(path)


def model_answer(given: str) -> str:
    """Return a path as an absolute one, and anything else, such as an id of the Hub."""
    path = Path(given).expanduser().absolute()
    if path.exists():
        return str(path)
    if "/" not in given or os.path.isabs(given) or given[0] in ".~":
        raise Refused(f"there is no {path}.")
    return given


def refuse_uncommitted(owner: Path) -> None:
    """Refuse a project that is not fully committed to a git repository."""
    try:
        git(owner, "rev-parse", "--is-inside-work-tree")
    except Refused as error:
        raise Refused(
            f"{error}\nOnly a project in a git repository can be merged. Make it one: "
            "git init && git add -A && git commit -m 'As generated'"
        ) from None
    if not tracked(owner, RECORD):
        raise Refused(f"{RECORD} is not committed: git add -A && git commit.")
    if changes := git(owner, "status", "--porcelain", "--untracked-files=no"):
        raise Refused(f"commit or undo these changes first:\n{changes.rstrip()}")


def tracked(owner: Path, name: str) -> bool:
    """Return whether the last commit contains a file or folder of the project."""
    try:
        git(owner, "cat-file", "-e", f"HEAD:./{name}")
    except Refused:
        return False
    return True


def refuse_unready(owner: Path, given: str | None, recorded: dict[str, Any]) -> None:
    """Refuse a merge that lacks something, with all that it lacks."""
    problems = []
    for check in (
        partial(refuse_uncommitted, owner),
        partial(address_of, given, recorded),
        partial(cookiecutter, "config"),
    ):
        try:
            check()
        except Refused as problem:
            problems.append(str(problem))
    if problems:
        raise Refused("\n".join(problems))


def address_of(given: str | None, recorded: dict[str, Any]) -> str:
    """Return the template's address: the one given, or else the recorded one."""
    address: str = (
        given or recorded.get("template", {}).get("address") or record.TEMPLATE
    )
    if not given and address == record.TEMPLATE:
        raise Refused(
            "the project was generated from a folder or an archive, and records no "
            "address. Give the template's: --template ADDRESS"
        )
    return address


def cloned(given: str | None, recorded: dict[str, Any], folder: Path) -> Path:
    """Clone the template's repository into a folder; return the folder."""
    address = address_of(given, recorded)
    config, repository = cookiecutter("config"), cookiecutter("repository")
    abbreviations = config.get_user_config()["abbreviations"]
    address = repository.expand_abbreviations(address, abbreviations)
    options = ["-c", "core.autocrlf=false", "--no-checkout", "--quiet"]
    address = address.removeprefix("git+")
    git(Path.cwd(), "clone", *options, "--", address, str(folder))
    return folder


def cookiecutter(module: str) -> Any:
    """Import a module of cookiecutter, which a project does not require."""
    try:
        return import_module(f"cookiecutter.{module}")
    except ImportError:
        raise Refused(
            "cookiecutter is not installed: "
            f"{sys.executable} -m pip install cookiecutter"
        ) from None


def resolved(clone: Path, name: str | None) -> str:
    """Return the hash of a commit of the template."""
    if not name:
        raise Refused(
            "the record has no commit of the template, which had changes of its own or "
            "was an archive. Give the commit or tag that the project was generated "
            "with: --from"
        )
    try:
        return git(
            clone, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"
        ).strip()
    except Refused:
        raise Refused(
            f"the template has no commit {name}. Give one of its own with --from or "
            "--to, or the template that the project was generated from with --template."
        ) from None


def rendered(clone: Path, commit: str, answers: dict[str, Any], folder: Path) -> Path:
    """Render a commit of the template in a fresh process; return the project."""
    git(clone, "checkout", "--quiet", "--force", "--detach", commit)
    try:
        questions = json.loads((clone / "cookiecutter.json").read_text("utf-8"))
    except FileNotFoundError:
        raise Refused(f"commit {commit[:9]} has no cookiecutter.json.") from None
    for name, answer in answers.items():
        offered = questions.get(name)
        if isinstance(offered, list) and answer not in offered:
            raise Refused(
                f"the template at {commit[:9]} does not offer {name}={answer}. It has "
                f"{', '.join(offered)}."
            )
    folder.mkdir()
    settings = {
        "default_context": {name: literal(answer) for name, answer in answers.items()},
        "replay_dir": str(folder / "replay"),
        "cookiecutters_dir": str(folder / "templates"),
    }
    file = folder / "config.yaml"
    file.write_text(json.dumps(settings), "utf-8")  # JSON is YAML
    command = [sys.executable, "-m", "cookiecutter", "--no-input", str(clone)]
    command += ["--config-file", str(file), "--output-dir", str(folder / "out")]
    # Without the name in git's configuration, which a licence would have.
    nobody = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    # In a folder of its own, where Python finds no modules of another template.
    render = subprocess.run(
        command,
        cwd=folder,
        env=environment() | nobody,
        capture_output=True,
        check=False,
    )
    if render.returncode:
        output = os.fsdecode(render.stdout + render.stderr).strip()
        raise Refused(
            f"the template at {commit[:9]} refuses the recorded answers:\n{output}"
        )
    (made,) = (folder / "out").iterdir()
    return made


def literal(answer: Any) -> Any:
    """Return an answer as a Jinja literal, which cookiecutter renders to itself."""
    if not isinstance(answer, str) or (answer.isascii() and "{" not in answer):
        return answer
    return "{{ " + ascii(answer) + " }}"


def copy_package(clone: Path, commit: str, target: Path) -> str:
    """Copy the package of a commit, marked as vendored; return its version."""
    git(clone, "checkout", "--quiet", "--force", "--detach", commit)
    source = clone / "src" / PACKAGE
    if not source.is_dir():
        raise Refused(f"the template at {commit[:9]} has no src/{PACKAGE}/.")
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    init = target / "__init__.py"
    text = init.read_text("utf-8")
    found = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    version = found[1] if found else "unknown"
    with init.open("w", encoding="utf-8", newline="") as file:
        file.write(f"{record.vendored(version)}\n{text}")
    return version


def cherry_picked(
    owner: Path, folder: Path, old: Path, new: Path, title: str
) -> list[str]:
    """Cherry-pick what differs between two renders; return the conflicts."""
    prefix = git(owner, "rev-parse", "--show-prefix").strip("\n")
    git(Path.cwd(), "init", "--quiet", "--bare", str(folder))
    # Content as it is: no line endings converted, no filter such as Git LFS.
    (folder / "info").mkdir(exist_ok=True)
    (folder / "info" / "attributes").write_text("* -text -filter -ident\n")
    options = [
        "-c",
        f"user.name={record.TEMPLATE}",
        "-c",
        "user.email=update@localhost",
    ]
    options += [f"--git-dir={folder}", "--work-tree=."]
    commits: list[str] = []
    for name, render in {"old": old, "new": new}.items():
        root = folder / name
        (root / prefix).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(render, root / prefix)
        git(root, *options, "add", "--all", "--force")
        tree = git(folder, "write-tree").strip()
        parents = [part for parent in commits for part in ("-p", parent)]
        commit = git(folder, *options, "commit-tree", tree, *parents, "-m", title)
        commits.append(commit.strip())
    base, change = commits
    refuse_in_the_way(
        owner, prefix, split(git(folder, "diff", "--name-only", "-z", base, change))
    )
    git(folder, "update-ref", "refs/heads/update", change)
    quiet = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"]
    git(owner, "fetch", *quiet, str(folder), "refs/heads/update")
    try:
        git(owner, "cherry-pick", "--no-commit", change)
    except Refused:
        conflicts = split(
            git(owner, "diff", "--name-only", "--diff-filter=U", "--relative", "-z")
        )
        if not conflicts:
            raise
        return conflicts
    return []


def refuse_in_the_way(owner: Path, prefix: str, changed: list[str]) -> None:
    """Refuse to overwrite files that are not in git, ignored ones included."""
    kept = set(split(git(owner, "ls-files", "-z")))
    for name in (name.removeprefix(prefix) for name in changed):
        folders = [f for f in Path(name).parents if (owner / f).is_dir()]
        for part in {Path(name), *Path(name).parents} - set(folders):
            if os.path.lexists(owner / part) and part.as_posix() not in kept:
                raise Refused(
                    f"{part} is not in git, and the update writes {name}: commit it, "
                    "or move it out of the project."
                )


def show_questions(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Print the questions that the template added and removed."""
    if added := {name: answer for name, answer in now.items() if name not in before}:
        values = ", ".join(
            f"{name}={json.dumps(value)}" for name, value in added.items()
        )
        print(f"New questions, answered with their defaults: {values}")
    if dropped := [name for name in before if name not in now]:
        print(f"No longer asked: {', '.join(dropped)}")


def show_files(owner: Path, conflicts: list[str]) -> None:
    """Print the files that an update changed; the package's in one line."""
    options = ["--name-only", "--no-renames", "--relative", "-z"]
    changed = set(split(git(owner, "diff", *options, "HEAD")))
    own = sorted(name for name in changed if not name.startswith(f"{PACKAGE}/"))
    packaged = len(changed) - len(own)
    print(f"Files changed: {len(changed)}")
    for name in [*own, *([f"{PACKAGE}/ ({packaged} files)"] if packaged else [])]:
        print(f"  {name}")
    if conflicts:
        print("Conflicts:")
        for name in conflicts:
            print(f"  {name}")


def split(names: str) -> list[str]:
    """Return the names in a null-terminated list."""
    return names.split("\0")[:-1]


def environment() -> dict[str, str]:
    """Return the environment for git and cookiecutter."""
    # Set by git for its hooks and aliases, they would name another repository.
    theirs = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
    kept = {name: value for name, value in os.environ.items() if name not in theirs}
    return kept | {"GIT_LFS_SKIP_SMUDGE": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return what it prints; refuse if it fails."""
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=environment(),
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        raise Refused("git is not installed.") from None
    if done.returncode:
        name = next(each for each in arguments if each[0] != "-" and "=" not in each)
        raise Refused(f"git {name} failed:\n{os.fsdecode(done.stderr).strip()}")
    return os.fsdecode(done.stdout)
