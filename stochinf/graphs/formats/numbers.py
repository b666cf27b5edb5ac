"""Words to float64: finite decimal numbers only, and nothing positive becomes 0."""

import re
from collections.abc import Callable, Sequence

import numpy as np

from stochinf.graphs.flat import Floats

__all__ = ["decimals"]

_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NONZERO_DIGIT = re.compile(r"^[^eE]*[1-9]")
_CHARACTERS = {ord(character): None for character in "0123456789+-.eE"}


def decimals(texts: Sequence[str], blame: Callable[[int, str], None]) -> Floats:
    """Return the numbers that words stand for.

    Parameters
    ----------
    texts : sequence of str
        Decimal numbers; ``nan``, ``inf``, ``0x1`` and ``1_000`` are none.
    blame : function of a position and a complaint
        Called for a word that is no such number, or is positive and rounds to 0; it raises.

    Returns
    -------
    float64, as long as ``texts``

    Examples
    --------
    >>> decimals(["1", ".5", "2e-3"], print).tolist()
    [1.0, 0.5, 0.002]
    """
    try:
        numbers = np.fromiter(map(float, texts), np.float64, len(texts))
        strange = "".join(texts).translate(_CHARACTERS)
    except ValueError:
        strange = "?"
    if strange:
        culprit = next(i for i, text in enumerate(texts) if not _DECIMAL.fullmatch(text))
        blame(culprit, "is no decimal number")
    for i in np.flatnonzero(numbers == 0).tolist():
        if _NONZERO_DIGIT.match(texts[i]):
            blame(i, "is positive but rounds to 0; rescale the table")
    return numbers
