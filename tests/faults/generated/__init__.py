"""Faults at generation: answers, models and surroundings of cookiecutter's command line.

A target is a template, with the names of its questions: `PLAIN`, as a beginner writes
one, and `OURS`. A probe generates projects from it, each in a desk of its own, and reads
them back.
"""

from .. import Row
from .answers import (
    g1_quotes,
    g2_backslashes,
    g3_control_characters,
    g4_python,
    g5_shell,
    g6_jinja,
    g7_yaml,
    g8_unicode,
    g9_undecodable_bytes,
    g10_paths_as_slugs,
    g11_invalid_slugs,
    g12_long_titles,
    g13_unknown_answers,
    g26_jinja_on_the_command_line,
)
from .desk import ours, plain
from .folders import (
    g14_existing_folder,
    g15_failure_while_overwriting,
    g16_signals,
    g17_disk_full,
    g18_read_only,
    g19_no_network,
    g27_no_inodes,
)
from .models import (
    g20_unusable_models,
    g21_models_at_the_limit,
    g25_labels,
    g28_weights_in_several_files,
    g29_unmeasured_format,
)
from .output import g22_secrets, g23_combinations, g24_same_answers

PLAIN, OURS = plain, ours
ROWS = [
    Row("G1", "quotes in a text", "exact in every file", g1_quotes),
    Row("G2", "backslashes in a text", "exact in every file", g2_backslashes),
    Row(
        "G3", "line ends and control characters", "refused in one line, nothing left",
        g3_control_characters,
    ),
    Row("G4", "Python code in any answer", "exact or refused, and never run", g4_python),
    Row("G5", "shell code in a text", "exact, and not run by the Procfile", g5_shell),
    Row("G6", "Jinja, typed", "exact", g6_jinja),
    Row("G7", "texts that YAML reads as other types", "exact", g7_yaml),
    Row(
        "G8", "emoji, CJK, right to left; U+0085, U+2028",
        "exact; a line separator may be refused", g8_unicode,
    ),
    Row("G9", "a byte that is not UTF-8", "refused in one line, nothing left", g9_undecodable_bytes),
    Row(
        "G10", "a path as the folder's name: ../x, /abs, a/b, empty",
        "refused in one line, nothing outside", g10_paths_as_slugs,
    ),
    Row(
        "G11", "an invalid folder name: CON, a., 300 characters",
        "refused in one line", g11_invalid_slugs,
    ),
    Row("G12", "a title of 100, 101, 500, 1,000,000 characters",
        "exact up to 100, above refused in one line", g12_long_titles),
    Row("G13", "an unknown question; an unknown choice",
        "refused", g13_unknown_answers),
    Row("G14", "the folder exists, with edits", "refused in one line, edits intact",
        g14_existing_folder),
    Row("G15", "-f over edits, and the generation fails", "refused in one line, edits intact",
        g15_failure_while_overwriting),
    Row("G16", "SIGINT or SIGTERM while a hook writes", "the same command works again",
        g16_signals),
    Row("G17", "the disk is full", "refused in one line, nothing left", g17_disk_full),
    Row("G18", "the folder or the home cannot be written", "refused in one line", g18_read_only),
    Row("G19", "no network", "works", g19_no_network),
    Row("G20", "a model that is missing, a folder, unreadable, empty, a pointer, too large",
        "refused with the reason, nothing left", g20_unusable_models),
    Row("G21", "a model of exactly the limit, and a byte more; behind a link",
        "accepted; refused; the target of the link counts", g21_models_at_the_limit),
    Row("G22", "what cookiecutter leaves: hooks in /tmp, answers to replay",
        "asks for no secret, leaves no hook", g22_secrets),
    Row("G23", "every combination of choices", "parses, and linters pass",
        g23_combinations),
    Row("G24", "the same answers twice", "the same project, byte for byte", g24_same_answers),
    Row("G25", "a labels.txt that is a link, a FIFO, endless, huge",
        "refused with the reason, nothing published", g25_labels),
    Row("G26", "Jinja, or a private variable, on the command line",
        "refused in one line, never run", g26_jinja_on_the_command_line),
    Row("G27", "no more inodes", "refused in one line, nothing left", g27_no_inodes),
    Row("G28", "weights in several files, each too large for GitHub",
        "each in Git LFS, or refused", g28_weights_in_several_files),
    Row("G29", "a model format without measured memory", "not known, exit status 2",
        g29_unmeasured_format),
]  # fmt: skip
