"""Models that no page serves, by the names, types and shapes of their inputs and outputs."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from .common import CALL, YOURSELF, Unusable

INSTEAD = f"which no page here does yet. Give a classifier or a regression, or {CALL}"
TOKENS = (
    "numbers that a tokenizer makes of a text, and the tokenizer is not in the file. Give the "
    f"whole pipeline from text to scores in one file, or {YOURSELF.format('both')}"
)
# By the names of inputs, of outputs, or the file's own: what such a model does.
INPUTS = {
    r"input_?ids|input_word_ids|.*attention_mask|token_type_ids|segment_ids|tokens?": (
        f"takes {TOKENS}"
    ),
    r"audio.*|waveforms?|wavs?|speech|sound|sr|sample_rate|(log_?)?mel.*|.*spectrogram": (
        f"takes sound, {INSTEAD}"
    ),
    r"timesteps?|encoder_hidden_states|.*latents?": f"is a part of a diffusion model, {INSTEAD}",
}
OUTPUTS = {
    r"(.*_)?(embed|embeds|embedding|embeddings)|last_hidden_state|pooler_output|hidden_states": (
        f"gives an embedding, numbers for another program to compare, {INSTEAD}"
    ),
    r"(.*_)?b?boxes|num_det(ection)?s|det(ection)?s?": f"is a detector of objects, {INSTEAD}",
}
FILES = {
    r".*silero.*": f"finds speech in sound, {INSTEAD}",
    r".*pp-?ocr.*": f"is a part of a reader of text (OCR), {INSTEAD}",
}
MOST = 64  # integers in a row; more are tokens, bytes or the like


def refuse_unserved(path: Path, inputs: Sequence[tuple], outputs: Sequence[tuple]) -> None:
    """Refuse a detector, an embedding, and a model of tokens or of sound.

    Inputs and outputs are (name, dtype, shape).
    """
    columns = len(inputs) > 1 and all(is_column(shape) for *_, shape in inputs)
    for reason in () if columns else _reasons(path, inputs, outputs):
        raise Unusable(f"{path.name} {reason}.")


def _reasons(path: Path, inputs: Sequence[tuple], outputs: Sequence[tuple]) -> Iterator[str]:
    for patterns, names in (
        (FILES, [path.name]),
        (INPUTS, [name for name, *_ in inputs]),
        (OUTPUTS, [name for name, *_ in outputs]),
    ):
        for pattern, reason in patterns.items():
            found = [name for name in names if re.fullmatch(pattern, name, re.IGNORECASE)]
            if found:
                yield reason if patterns is FILES else f"({', '.join(found)}) {reason}"
    for name, dtype, shape in inputs:
        if (dtype or "").startswith("int") and len(shape or ()) == 2:
            if shape[1] is None:
                yield f"({name}) takes {TOKENS}"
            elif shape[1] > MOST:
                yield (
                    f"takes {shape[1]} integers ({name}), such as tokens or bytes, which "
                    f"another program makes of its input, {INSTEAD}"
                )


def is_column(shape: tuple[int | None, ...] | None) -> bool:
    """Return whether an input takes one value per item."""
    return shape is not None and len(shape) <= 2 and shape[1:] in ((), (1,))
