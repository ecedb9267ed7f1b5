

def _labelled(scores: np.ndarray) -> {{ "str" if model.answers_class else "dict[str, float]" }}:
{% if model.answers_class %}
    """Return the label, which is all that the model tells."""
{% else %}
    """Return the probability of each label, from the model's scores."""
{% endif %}
    if scores.size > max(scores.shape, default=1):
        raise ValueError(f"an output of {scores.shape}, not a score for each class")
    scores = scores.ravel().astype(float)
{% if model.scores in ("logits", "class logits") %}
    if scores.size == 1:  # one logit, of the second class
        scores = np.array([0, scores[0]])
    scores = np.exp(scores - scores.max())
    scores /= scores.sum()
{% else %}
    if scores.size == 1:  # one sigmoid output: the probability of the second class
        scores = np.array([1 - scores[0], scores[0]])
{% if not model.scores %}
    elif not _are_probabilities(scores):
        scores = np.exp(scores - scores.max())
        scores /= scores.sum()
{% endif %}
{% endif %}
    if not (np.isfinite(scores).all() and scores.min() > ROUNDING):
        raise ValueError(f"no probabilities: {scores.tolist()[:5]}")
    scores = scores.clip(0, 1)
    names = _read_labels() if LABELS.exists() else load().labels
    names = names or [f"class {n}" for n in range(scores.size)]
    if len(names) != scores.size:
        raise ValueError(f"{len(names)} labels for a model of {scores.size} classes")
{% if model.answers_class %}
    return names[scores.argmax()]
{% else %}
    return {name: float(score) for name, score in zip(names, scores, strict=True)}
{% endif %}
{% if not model.scores %}


def _are_probabilities(scores: np.ndarray) -> bool:
    return scores.min() > ROUNDING and np.isclose(scores.sum(), 1, atol=1e-2)
{% endif %}


def _read_labels() -> list[str]:
    """Return the names of the classes; a second "crane" gets its number, "crane (517)"."""
    names = LABELS.read_text("utf-8-sig").rstrip().splitlines()
    first = {name: n for n, name in reversed([*enumerate(names)])}
    return [
        name if first[name] == n else f"{name} ({n})" for n, name in enumerate(names)
    ]
