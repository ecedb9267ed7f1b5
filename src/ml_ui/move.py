"""Move the project to another platform or tier: python -m ml_ui move --platform NAME

Renders the project for both platforms, with the template that it was generated with,
and merges the difference: files, packages, limits and READMEs follow. What the owner
changed stays; where both changed the same lines, git marks a conflict. Nothing is
committed. It clones the template and runs its code, as generating a project does.

Without options, it lists the platforms, and whether the project fits there. Without
--hardware, it takes the first tier that runs the project, with a GPU if it has one now.

Exit status: 0 moved, 1 moved with conflicts, 2 refused and nothing changed.
"""

import argparse
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from . import beside, merging, record
from .merging import RECORD, Refused, git, split
from .sizing import project, requirements
from .sizing.footprint import PACKAGES, Footprint
from .sizing.limits import PLATFORMS, Facts, pick, where
from .sizing.report import Report, as_text, check, headline
from .sizing.ways_out import moved_to, with_lock

# What follows from the platform in the record; the rest stays as it is.
OF_PLATFORM = ("lock", "sizes")
LOCK = "requirements.txt"
ATTRIBUTES = ".gitattributes"
POINTER = "^version https://git-lfs.github.com/spec/"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's arguments."""
    parser.add_argument(
        "--platform",
        metavar="NAME",
        help=f"{', '.join(PLATFORMS)}; else the project's, with other hardware",
    )
    parser.add_argument(
        "--hardware",
        metavar="TIER",
        help="a tier of the platform, such as cpu-basic",
    )
    parser.add_argument(
        "--anyway",
        action="store_true",
        help="move a project that does not fit, or whose edits cannot follow",
    )
    merging.add_origin(parser)


def run(options: argparse.Namespace) -> int:
    """Move the project in the current folder; return the exit status."""
    wanted = options.platform or options.hardware
    return merging.run("move", move if wanted else show_platforms, options)


def move(owner: Path, temporary: Path, options: argparse.Namespace) -> int:
    """Merge what follows from the platform into the project; return the status."""
    recorded = project.record(owner)
    answers = recorded["answers"]
    wanted = destination(recorded, options.platform, options.hardware)
    here, platform = answers.get("platform", ""), wanted["platform"]
    merging.refuse_unready(owner, options.template, recorded)
    model = merging.own_model(owner, recorded, options.model)
    # Whether it fits is decided below, for the project as it is now.
    asked = answers | {"model_path": model or "", "limits": "ignore"}
    clone, commit = merging.recorded_template(owner, temporary, options)
    then = beside.last_render(owner)
    old = beside.rendered(owner, clone, commit, asked, temporary / "old", then)
    new = beside.rendered(
        owner, clone, commit, asked | wanted, temporary / "new", "HEAD", then
    )
    merging.remove_package(old, new)
    if model:
        beside.keep(owner, old, new)
    made = merging.record_of(new)
    if not options.anyway:
        refuse_unfit(owner, old, new, made)
    notes = [*different(answers, wanted)]
    notes += keep_ports(owner, old, new, (here, platform), options.anyway)
    keep_git_lfs(owner, old, new, platform)
    changed, relocked = not is_same(new, old, LOCK), not is_same(owner, old, LOCK)

    now = record.with_parts(recorded, made, OF_PLATFORM)
    limits = {"limits": "ignore" if options.anyway else "enforce"}
    now["answers"] = answers | wanted | (limits if "limits" in made["answers"] else {})
    title = f"Move to {PLATFORMS[platform]['title']}"
    # A file of one platform that looks like another's is not the same file.
    conflicts = merging.merge(owner, temporary, old, new, now, title, renames=False)
    print(f"{named(answers)} -> {named(wanted)}")
    notes += [*earlier(owner, platform), *git_lfs(owner, platform)]
    steps = ["see Deploy in README.md", "run the tests"]
    if changed:
        steps.insert(0, f"pip install -r {LOCK}")
    if changed and relocked:
        steps.insert(0, f"lock your packages again, as {LOCK} says")
    return merging.finished(owner, conflicts, ", ".join(steps), notes)


def show_platforms(owner: Path, temporary: Path, options: argparse.Namespace) -> int:
    """Print the platforms with the tier that a move takes, and whether it fits."""
    recorded, here = project.record(owner), project.weigh(owner)
    print(f"The project is on {named(recorded['answers'])}. To move it:")
    for platform in PLATFORMS:
        if platform == recorded["answers"].get("platform"):
            continue
        print(f"\npython -m ml_ui move --platform {platform}")
        try:
            report = report_on(recorded, destination(recorded, platform, None), here)
        except Refused as error:
            print(f"  {error}")
            continue
        print(f"  {headline(report)}")
        for reason in report.not_known:
            print(f"  {reason}")
        for way in report.ways_out:
            if f"--platform {platform} " in way:  # not by way of a third one
                print(f"  {way}")
    return 0


# Where to: the answers to the template's questions.


def destination(
    recorded: dict[str, Any], platform: str | None, hardware: str | None
) -> dict[str, str]:
    """Return the answers that move the project: platform, hardware, python_version."""
    answers = recorded["answers"]
    here = answers.get("platform"), answers.get("hardware")
    platform = pick("platform", platform or here[0] or "", PLATFORMS)
    tiers = PLATFORMS[platform]["hardware"]
    if not hardware and platform != here[0]:
        hardware = default_tier(recorded, platform)
    if not hardware or (platform, hardware) == here:
        raise Refused(
            f"the project is on {named(answers)}. Give another --platform, or "
            f"--hardware: {', '.join(useful_tiers(recorded, platform))}."
        )
    pick(f"{platform} hardware", hardware, tiers)
    python = answers.get("python_version") or PACKAGES["python"]
    offered = tiers[hardware].get("python", [python])
    python = python if python in offered else next(iter(offered))
    return {"platform": platform, "hardware": hardware, "python_version": python}


def default_tier(recorded: dict[str, Any], platform: str) -> str:
    """Return the platform's first tier that runs the project.

    A project on a GPU gets one with a GPU, and any the Python that it has, if possible.
    """
    answers, tiers = recorded["answers"], useful_tiers(recorded, platform)
    if not tiers:
        title, framework = PLATFORMS[platform]["title"], answers.get("framework")
        raise Refused(f"{title} has no hardware that runs {framework}.")
    python, on_gpu = answers.get("python_version"), is_gpu(tier_of(answers))

    def lacks(name: str) -> tuple[bool, bool]:
        tier = tiers[name]
        return is_gpu(tier) != on_gpu, python not in tier.get("python", [python])

    return min(tiers, key=lacks)  # the first of those that lack least


def useful_tiers(recorded: dict[str, Any], platform: str) -> dict[str, Facts]:
    """Return the tiers of a platform for which the project's packages are locked."""
    return {
        name: tier
        for name, tier in PLATFORMS[platform]["hardware"].items()
        if not recorded.get("lock") or lock_for(recorded, tier) in PACKAGES["sets"]
    }


def lock_for(recorded: dict[str, Any], tier: Facts) -> str:
    """Return the set of packages of the project on a tier: onnx-gpu.

    A class of hardware without packages of its own, such as a browser, has a CPU's.
    """
    known = {name.rpartition("-")[2] for name in PACKAGES["sets"]}
    wanted = tier["class"]
    base = (recorded.get("lock") or "").rpartition("-")[0]
    return f"{base}-{wanted if wanted in known else 'cpu'}"


def tier_of(answers: dict[str, Any]) -> Facts:
    """Return the tier that a project is on; {} if it is not among those known."""
    platform = PLATFORMS.get(answers.get("platform") or "", {"hardware": {}})
    tier: Facts = platform["hardware"].get(answers.get("hardware"), {})
    return tier


def is_gpu(tier: Facts) -> bool:
    """Return whether a tier has a GPU of its own."""
    return tier.get("class") == "gpu"


def named(answers: dict[str, Any]) -> str:
    """Return a platform and tier with its price, as far as they are known."""
    if not tier_of(answers):
        return f"{answers.get('platform')}, {answers.get('hardware')}"
    return where(answers["platform"], answers["hardware"])


def different(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """Yield what is different there, though nobody asked for it."""
    if now["python_version"] != before.get("python_version"):
        yield f"it runs Python {now['python_version']}: {now['hardware']} has no other."
    if is_gpu(tier_of(before)) and not is_gpu(tier_of(now)):
        yield f"{now['hardware']} has no GPU."


# Whether it fits there.


def report_on(
    recorded: dict[str, Any], wanted: dict[str, str], here: Footprint
) -> Report:
    """Return the report on the project as it would be elsewhere, without a render."""
    there = with_lock(here, lock_for(recorded, tier_of(wanted)))
    there = there._replace(python=wanted["python_version"])
    platform = wanted["platform"]
    place = platform, wanted["hardware"], moved_to(platform, there)
    return check(*place, exists=True)


def refuse_unfit(owner: Path, old: Path, new: Path, made: dict[str, Any]) -> None:
    """Refuse a platform that the project does not fit, with the report."""
    here, answers = project.weigh(owner), made["answers"]
    sizes = project.record(owner)["sizes"].get("packages", {})
    texts = [(folder / LOCK).read_text("utf-8") for folder in (owner, old, new)]
    python, packages = requirements.weigh(
        merging.merged_lists(*texts),
        answers["python_version"],
        sizes | made["sizes"]["packages"],
    )
    there = here._replace(packages=packages, python=python, lock=made["lock"])
    platform, hardware = answers["platform"], answers["hardware"]
    report = check(platform, hardware, moved_to(platform, there), exists=True)
    if report.fits is False:
        text = as_text(report, brief=True)
        raise Refused(f"it does not fit; --anyway moves it all the same.\n\n{text}")


# What git cannot merge.


def keep_ports(
    owner: Path, old: Path, new: Path, platforms: Iterable[str], anyway: bool
) -> Iterator[str]:
    """Leave ports that the owner changed; refuse a new one that lacks their changes.

    A port is a file of a platform that does in another language what a file of every
    project does. No merge takes the owner's changes from one to the other.
    """
    ports: dict[str, str] = {}
    for platform in platforms:
        ports |= PLATFORMS.get(platform, {}).get("ports", {})
    for port, source in ports.items():
        if merging.tracked(owner, port) and not is_same(owner, old, port):
            merging.keep(Path(port), old, new)
            yield f"{port} is yours, and stays as it is."
        elif not (old / port).exists() and not is_same(owner, old, source):
            problem = f"{port} does what {source} did before you changed it"
            if not anyway:
                raise Refused(
                    f"{problem}, and no command translates that: write {port} yourself "
                    "and commit it, or give --anyway and change the one that comes."
                )
            yield f"{problem}: change it likewise."


def is_same(owner: Path, render: Path, name: str) -> bool:
    """Return whether a file of the project is as it was generated."""
    return text_of(owner / name) == text_of(render / name)


def text_of(path: Path) -> bytes | None:
    """Return the content of a text, with one kind of line endings."""
    return path.read_bytes().replace(b"\r\n", b"\n") if path.is_file() else None


def earlier(owner: Path, platform: str) -> Iterator[str]:
    """Yield how to bring back files that the owner had changed on this platform."""
    added = ["--name-only", "--diff-filter=A", "--relative", "-z"]
    for name in split(git(owner, "diff", "--cached", *added, "HEAD")):
        removed = ["-1", "--format=%h", "--diff-filter=D", "--", name]
        commit = git(owner, "log", *removed).strip()
        if f'"platform": "{platform}"' not in shown(owner, f"{commit}^", RECORD):
            continue
        if git(owner, "diff", "--cached", "--name-only", f"{commit}^", "--", name):
            again = f"git checkout {commit}^ -- {shlex.quote(name)}"
            yield f"{name} was another one when the project was here before: {again}"


def keep_git_lfs(owner: Path, old: Path, new: Path, platform: str) -> None:
    """Leave files in Git LFS where they are, if the platform fetches them."""
    rules = {rule["name"] for rule in PLATFORMS[platform]["rules"]}
    if "lfs" not in rules and not (new / ATTRIBUTES).exists() and in_git_lfs(owner):
        merging.keep(Path(ATTRIBUTES), old, new)


def in_git_lfs(owner: Path) -> set[str]:
    """Return the files of which git has a Git LFS pointer."""
    try:
        return {*split(git(owner, "grep", "--cached", "-lz", "-e", POINTER))}
    except Refused:  # there are none
        return set()


def git_lfs(owner: Path, platform: str) -> Iterator[str]:
    """Yield what to do about files in Git LFS that should not be, or vice versa."""
    rules = {rule["name"]: rule["what"] for rule in PLATFORMS[platform]["rules"]}
    attributes, pointers = project.Attributes(owner), in_git_lfs(owner)
    listed = {n for n in split(git(owner, "ls-files", "-z")) if attributes.in_lfs(n)}
    if pointers - listed or ("lfs" in rules and pointers):
        command = migration(owner, "export", shown(owner, "HEAD", ATTRIBUTES))
        yield f"{rules.get('lfs', '')} {command}".lstrip()
    elif listed - pointers:
        command = migration(owner, "import", (owner / ATTRIBUTES).read_text("utf-8"))
        yield f"{rules.get('binary', '')} {command}".lstrip()


def migration(owner: Path, verb: str, attributes: str) -> str:
    """Return the command that moves files in or out of Git LFS, in all commits."""
    prefix = git(owner, "rev-parse", "--show-prefix").strip("\n")
    lines = [line.split() for line in attributes.splitlines()]
    options = ["--everything"]
    for option, attribute in {"include": "filter=lfs", "exclude": "!filter"}.items():
        if names := [prefix + line[0] for line in lines if attribute in line]:
            options.append(f"--{option}={shlex.quote(','.join(names))}")
    return f"After the commit: git lfs migrate {verb} {' '.join(options)}"


def shown(owner: Path, commit: str, name: str) -> str:
    """Return the text of a file in a commit; "" if it is not there."""
    try:
        return git(owner, "show", f"{commit}:./{name}")
    except Refused:
        return ""
