"""Serve a Gradio app to the public: guarded, bounded and observable.

`guard` is for the app's functions, `launch` serves the page. Both load Gradio, so they
are imported when they are asked for: the command line and the sizing need neither.
"""

from typing import TYPE_CHECKING

__version__ = "1.0.0"
__all__ = ["guard", "launch"]

if TYPE_CHECKING:
    from .serving import guard, launch


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import serving

    return getattr(serving, name)
