

def _labelled(scores: np.ndarray) -> dict[str, float] | str:
    """Return the probability of each label, or the label alone if the model has none."""
    if scores.size == 1:  # one sigmoid output: the probability of the second class
        scores = np.array([1 - scores[0], scores[0]])
    elif not _are_probabilities(scores):
        scores = np.exp(scores - scores.max())
        scores /= scores.sum()
    if not np.isfinite(scores).all():
        raise ValueError(f"no probabilities: {scores.tolist()[:5]}")
    names = _read_labels() if LABELS.exists() else load().labels
    names = names or [f"class {n}" for n in range(scores.size)]
    if len(names) != scores.size:
        raise ValueError(f"{len(names)} labels for a model of {scores.size} classes")
    if not getattr(load(), "has_probabilities", True):
        return names[scores.argmax()]
    return {name: float(score) for name, score in zip(names, scores, strict=True)}


def _are_probabilities(scores: np.ndarray) -> bool:
    return scores.min() >= 0 and np.isclose(scores.sum(), 1, atol=1e-2)


def _read_labels() -> list[str]:
    names = LABELS.read_text("utf-8-sig").rstrip().splitlines()
    if len(set(names)) < len(names):
        twice = max(names, key=names.count)
        raise ValueError(f"{LABELS.name} has {twice!r} more than once: rename one")
    return names
