"""Three-way merge of two renders of the template into a project, by git.

The commands that change a project render the template twice, as it was for the project
and as it is wanted, and git merges what differs. What the owner changed stays; where
both changed the same lines, git marks a conflict. Nothing is committed.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from . import hub, record
from .sizing import project
from .sizing.footprint import QUANTITIES, BadInput

PACKAGE = "ml_ui"
RECORD = record.NAME
LISTS = ("requirements.in", "requirements.txt")
READMES = ("README.md", "README.zh-CN.md")
# A quantity under "Cost and limits", in any language: "- slug: 145 MB of 1000M".
SIZE = re.compile(rf"^- ({'|'.join(QUANTITIES)})[:（].*$", re.MULTILINE)
ENCODING = ("utf-8", "surrogateescape")  # an owner's file may be in another one

# By git's status of a file, and by the sides that have a file with a conflict: 1 is
# the old render, 2 the project, 3 the new render.
STATUS = {"A": " (new)", "D": " (removed)"}
CONFLICTS = {
    "12": ": you changed it, and it is no longer needed: git rm it, or git add it",
    "13": ": you removed it, and it changes: git rm it, or git add it",
    "23": ": you have another one: git checkout --ours or --theirs takes one",
    # A link and a file, of which git puts the template's beside it.
    "2": ": yours: git add it, or git rm it",
    "3": ": the template's, for the same place: git mv it there, or git rm it",
}

# Called with the project, a temporary folder and the options; returns the exit status.
Command = Callable[[Path, Path, argparse.Namespace], int]


class Refused(Exception):
    """A merge that cannot be made; nothing in the project has changed."""


def add_origin(parser: argparse.ArgumentParser) -> None:
    """Define the arguments that say what the project was made of."""
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
    parser.add_argument(
        "--model",
        metavar="FILE",
        help="the model used now, if not the one that the project was generated with",
    )


def run(name: str, command: Command, options: argparse.Namespace) -> int:
    """Run a command that merges, in a temporary folder; report why it is refused."""
    # Git's files are read-only, and Windows deletes none of those at once.
    with TemporaryDirectory(prefix="ml-ui-", ignore_cleanup_errors=True) as folder:
        try:
            return command(Path.cwd(), Path(folder), options)
        except (Refused, BadInput, OSError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 2


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


def recorded_template(
    owner: Path, temporary: Path, options: argparse.Namespace
) -> tuple[Path, str]:
    """Clone the template that the project was generated with; return its commit too."""
    recorded = project.record(owner)
    clone = cloned(options.template, recorded, temporary / "template")
    made = recorded.get("template", {})
    return clone, resolved(clone, options.base or made.get("commit"))


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
        raise Refused(f"the template at {commit[:9]} refuses the answers:\n{output}")
    (made,) = (folder / "out").iterdir()
    return made


def literal(answer: Any) -> Any:
    """Return an answer as a Jinja literal, which cookiecutter renders to itself."""
    if not isinstance(answer, str) or (answer.isascii() and "{" not in answer):
        return answer
    return "{{ " + ascii(answer) + " }}"


def remove_package(old: Path, new: Path) -> None:
    """Remove the package: both renders have the same, and the owner's may be newer."""
    for render in (old, new):
        shutil.rmtree(render / PACKAGE)


def keep(path: Path, old: Path, new: Path) -> None:
    """Remove a file from both renders, so that the owner's stays as it is."""
    for render in (old, new):
        (render / path).unlink(missing_ok=True)


def record_of(render: Path) -> dict[str, Any]:
    """Return the record of a render."""
    recorded: dict[str, Any] = json.loads((render / RECORD).read_text("utf-8"))
    return recorded


def merge(
    owner: Path,
    temporary: Path,
    old: Path,
    new: Path,
    now: dict[str, Any],
    title: str,
    renames: bool = True,
) -> list[str]:
    """Merge what differs between two renders into the project; return the conflicts.

    Args:
        owner: the project.
        temporary: a folder.
        old, new: the renders, which are moved.
        now: the record after it.
        title: of the commit in git's messages.
        renames: whether a change follows a file to another name.
    """
    (new / RECORD).write_text(record.text(now) + "\n", "utf-8")
    # No owner edits the record: with theirs as the base, the new one replaces it.
    shutil.copyfile(owner / RECORD, old / RECORD)
    for name in LISTS:
        lists = [folder / name for folder in (owner, old, new)]
        if all(path.is_file() for path in lists):
            mine, before, after = (path.read_text(*ENCODING) for path in lists)
            if mine != before != after:
                text = merged_lists(mine, before, after)
                (new / name).write_text(text, *ENCODING, newline="\n")
                shutil.copyfile(owner / name, old / name)
    for name in READMES:
        texts = [folder / name for folder in (owner, old)]
        if all(path.is_file() for path in texts):
            mine, before = (path.read_text(*ENCODING) for path in texts)
            (old / name).write_text(with_sizes(mine, before), *ENCODING, newline="\n")
    return cherry_picked(owner, temporary / "merge", old, new, title, renames)


def with_sizes(mine: str, before: str) -> str:
    """Return a README's text with the sizes that are in the owner's.

    They were computed with the examples of that day, and of pictures that changed
    since, a render has the names alone.
    """
    sizes = {line[1]: line[0] for line in SIZE.finditer(mine)}
    return SIZE.sub(lambda line: sizes.get(line[1], line[0]), before)


def merged_lists(mine: str, before: str, after: str) -> str:
    """Merge lists of requirements by package, in the order of the owner's.

    To git, a package that its owner added beside one that changes is a conflict.
    """
    merged, old, new = (_by_package(text) for text in (mine, before, after))
    for name in old.keys() - new.keys():
        merged.pop(name, None)
    place = 0
    for name, lines in new.items():
        if name in merged:
            merged[name] = merged[name] if lines == old.get(name) else lines
        elif name not in old:  # else its owner removed it
            entries = [*merged.items()]
            merged = dict([*entries[:place], (name, lines), *entries[place:]])
        if name in merged:
            place = [*merged].index(name) + 1
    return "".join(f"{line}\n" for lines in merged.values() for line in lines)


def _by_package(text: str) -> dict[str, list[str]]:
    """Return the lines of a list of requirements by package, and other lines alone."""
    found: dict[str, list[str]] = {}
    for number, line in enumerate(lines := text.splitlines()):
        name = re.match(r"\w[\w.-]*", line)
        key = re.sub(r"[-_.]+", "-", name[0]).lower() if name else line
        again = "" if name else " " * lines[:number].count(line)
        found.setdefault(key + again, []).append(line)
    return found


def cherry_picked(
    owner: Path, folder: Path, old: Path, new: Path, title: str, renames: bool
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
    written = git(folder, "diff", "--name-only", "--diff-filter=d", "-z", base, change)
    refuse_in_the_way(owner, prefix, split(written))
    git(folder, "update-ref", "refs/heads/update", change)
    quiet = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"]
    git(owner, "fetch", *quiet, str(folder), "refs/heads/update")
    try:
        following = f"merge.renames={str(renames).lower()}"
        git(owner, "-c", following, "cherry-pick", "--no-commit", change)
    except KeyboardInterrupt:
        print("Interrupted. To undo what was merged: git reset --hard", file=sys.stderr)
        raise
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
                    f"{part} is not in git, and the merge writes {name}: commit it, "
                    "or move it out of the project."
                )


def finished(
    owner: Path, conflicts: list[str], steps: str, notes: Iterable[str] = ()
) -> int:
    """Print what a merge changed and what to do next; return the exit status."""
    show_files(owner, conflicts)
    for note in notes:
        print(f"Note: {note}")
    first = (
        "edit the files with conflicts, git add" if conflicts else "look at git diff"
    )
    print(f"Next: {first} {'them' if conflicts else '--cached'}, {steps}, commit.")
    print("To undo it: git reset --hard")
    return 1 if conflicts else 0


def show_files(owner: Path, conflicts: list[str]) -> None:
    """Print the files that a merge changed, the package's in one line; conflicts."""
    options = ["--name-status", "--no-renames", "--relative", "-z"]
    listed = split(git(owner, "diff", *options, "HEAD"))
    changed = dict(zip(listed[1::2], listed[::2], strict=True))
    own = {n: s for n, s in changed.items() if not n.startswith(f"{PACKAGE}/")}
    packaged = len(changed) - len(own)
    print(f"Files changed: {len(changed)}")
    for name, status in sorted(own.items()):
        print(f"  {name}{STATUS.get(status, '')}")
    if packaged:
        print(f"  {PACKAGE}/ ({packaged} files)")
    if conflicts:
        stages: dict[str, str] = {}
        for entry in split(git(owner, "ls-files", "--unmerged", "-z")):
            where, _, name = entry.partition("\t")
            stages[name] = stages.get(name, "") + where[-1]
        print("Conflicts:")
        for name in conflicts:
            print(f"  {name}{CONFLICTS.get(stages.get(name, ''), '')}")


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
