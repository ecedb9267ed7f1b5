_lock = Lock()


@cache
def _open() -> Model:
    return Model(MODEL)


def load() -> Model:
    """Return the model, read from its file at the first call.

    Raises:
        OSError: the file cannot be read. Its framework raises errors of its own for
            a file that holds no model.
    """
    with _lock:  # two first calls at once must not load it twice
        return _open()
