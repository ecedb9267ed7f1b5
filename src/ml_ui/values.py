"""Several numbers or classes as one answer: a text on the page, a list in the API."""

from collections.abc import Iterable
from typing import Any, Self


class Values(str):
    """Text of several numbers or classes, in the order in which a model gives them.

    `Values([1.5, -2.25])` is "1.5, -2.25".

    Attributes:
        items: the numbers, as floats in the digits of the text, or the classes.
    """

    items: list[float | str]

    def __new__(cls, items: Iterable[Any]) -> Self:
        given = [*items]
        text = super().__new__(cls, ", ".join(map(str, given)))
        text.items = [
            each if isinstance(each, str) else float(str(each)) for each in given
        ]
        return text
