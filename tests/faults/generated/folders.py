"""G14 to G19, G27: existing folders, signals, full disks, no network."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path

from .. import Seen
from .desk import EXACT, REFUSED, Desk, Target, done, files, marks, outcome, summary, tree, write


def edited(target: Target) -> Desk:
    """Return a desk with a project that its owner has edited."""
    desk = done(target)
    write(desk.project, {"app.py": "mine\n", "notes.txt": "mine\n"})
    return desk


def g14_existing_folder(target: Target) -> Seen:
    """Generate over a project that its owner has edited."""
    run = edited(target).generate()
    return summary({"the same answers": run.ending or "overwritten"}, REFUSED)


def g15_failure_while_overwriting(target: Target) -> Seen:
    """Generate over a project with -f and a model that does not exist."""
    desk = edited(target)
    run = desk.generate("-f", model_path=str(desk.here / "missing.onnx"))
    kept = (desk.project / "app.py").read_text("utf-8") == "mine\n"
    return Seen(
        f"{run.ending or 'accepted'}; edits {'intact' if kept else 'overwritten'}",
        kept and run.ending == REFUSED,
    )


# Faults from outside ----------------------------------------------------------------------

# A sitecustomize.py: a hook waits at the gate before it first writes a file.
GATE = """
import os, sys

def wait(event, arguments):
    if closed and event == "open" and "w" in str(arguments[1]):
        closed.clear()
        with open(os.environ["GATE"]) as gate:
            gate.read()

closed = [True]
if sys.orig_argv[-1].startswith(os.environ["TMPDIR"]):
    sys.addaudithook(wait)
"""
TIMEOUT = 30  # seconds until a hook is at the gate


def g16_signals(target: Target) -> Seen:
    """Send a signal while the hook writes, and run the same command again."""
    outcomes = {
        number.name: interrupted(target, number) for number in (signal.SIGINT, signal.SIGTERM)
    }
    return summary(outcomes, "done again")


def interrupted(target: Target, number: signal.Signals) -> str:
    """Return the files left after a signal, and whether the same command works then."""
    desk = Desk(target)
    write(desk.room, {"gate/sitecustomize.py": GATE})
    gate = desk.room / "gate" / "fifo"
    os.mkfifo(gate)
    # A parent process may ignore these signals, and children inherit that.
    command = ["env", "--default-signal=INT,TERM", *desk.command()]
    with desk.start(command, PYTHONPATH=str(gate.parent), GATE=str(gate)) as process:
        opened = open_gate(gate, process)
        if opened is None:
            process.kill()
            return "the hook has written nothing"
        os.killpg(process.pid, number)
        os.close(opened)
        process.communicate()
    left, again = len(files(desk.here)), desk.generate()
    if not again.status:
        return f"done again, with {left} files left"
    return f"{left} files left, then {again.ending}: {again.output.splitlines()[-1][:60]}"


def open_gate(gate: Path, process: subprocess.Popen) -> int | None:
    """Return the descriptor of the gate once a hook waits there, None at the timeout."""
    end = time.monotonic() + TIMEOUT
    while process.poll() is None and time.monotonic() < end:
        try:
            return os.open(gate, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # no hook yet
            time.sleep(0.01)
    return None


def unshared(option: str) -> Callable:
    """Decorate a probe that needs a namespace: without permission it is not tried."""

    def decorate(probe: Callable[[Target], Seen]) -> Callable[[Target], Seen]:
        @wraps(probe)
        def guarded(target: Target) -> Seen:
            tool = shutil.which("unshare")
            if not tool or subprocess.run([tool, option, "true"], check=False).returncode:
                return Seen(f"not tried: needs root and unshare {option}", False)
            return probe(target)

        return guarded

    return decorate


def mounted(target: Target, mount: str) -> str:
    """Return the outcome of a generation after a mount in a namespace of its own."""
    desk = Desk(target)
    left = desk.room / "left"
    look = f"find . -mindepth 1 >{left}"  # before the mount is gone
    script = f'{mount} || exit 99; cd "$PWD"; "$@"; status=$?; {look}; exit $status'
    run = desk.generate(before=["unshare", "-m", "sh", "-c", script, "sh"])
    assert run.status != 99, run.output
    paths = len(left.read_text().splitlines())
    return f"{paths} paths left, {run.ending}" if run.status and paths else run.ending or "done"


@unshared("-m")
def g17_disk_full(target: Target) -> Seen:
    """Generate on a disk that is full after a third, and just before the end."""
    desk = done(target)
    pages = sum(-(-path.stat().st_size // 4096) for path in files(desk.project).values())
    rooms = {"room for a third": pages // 3, "room for all but a page": pages - 1}
    disk = "mount -t tmpfs -o size={}k none ."
    return summary(
        {case: mounted(target, disk.format(4 * room)) for case, room in rooms.items()}, REFUSED
    )


@unshared("-m")
def g18_read_only(target: Target) -> Seen:
    """Generate in a read-only folder, and with a read-only home."""
    folders, bind = {"the folder": ".", "the home": "~"}, "mount --bind {0} {0}"
    mount = f"{bind} && mount -o remount,bind,ro {{0}}"
    return summary(
        {case: mounted(target, mount.format(folder)) for case, folder in folders.items()}, REFUSED
    )


@unshared("-n")
def g19_no_network(target: Target) -> Seen:
    """Generate without a network."""
    desk = Desk(target)
    given = marks(target)
    run = desk.generate(before=["unshare", "-n"], **given)
    return summary({"no network": outcome(desk, run, given)}, EXACT)


@unshared("-m")
def g27_no_inodes(target: Target) -> Seen:
    """Generate on a disk with space but without inodes, as under a quota."""
    disk = "mount -t tmpfs -o size=64m,nr_inodes={} none ."
    paths = len(tree(done(target).project))
    rooms = {"files for a third": paths // 3, "files for all but one": paths - 1}
    return summary(
        {case: mounted(target, disk.format(room)) for case, room in rooms.items()}, REFUSED
    )
