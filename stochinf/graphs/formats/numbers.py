"""Words to float64, finite decimal numbers only, and float64 to words that read back as the same bits."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from stochinf.graphs.flat import Floats, Int64s

if TYPE_CHECKING:
    from stochinf.graphs.factor_graph import FactorGraph

__all__ = ["decimals", "weights_of"]

_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NONZERO_DIGIT = re.compile(r"^[^eE]*[1-9]")
_DIGITS = (6, 12, 15)
_NEIGHBOURS = 4
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


def weights_of(graph: "FactorGraph") -> Floats:
    """Return the weights of all tables such that their logarithms are, where any weights do that, the graph's to the bit.

    exp(log w) is often not w: of the few neighbours whose logarithm is the same the one with the fewest digits is taken, which
    is what stood in the file or the program that the graph came from.

    Raises
    ------
    GraphError
        If a weight over- or underflows; files hold weights, not logarithms.

    Examples
    --------
    >>> from stochinf.graphs import FactorGraph
    >>> graph = FactorGraph([2, 2], [(0, 1)], [[0.4, 0.35, 0.7, 9.81]])
    >>> graph.weights.tolist() == weights_of(graph).tolist(), weights_of(graph).tolist()
    (False, [0.4, 0.35, 0.7, 9.81])
    """
    _ = graph.weights
    logs, places = np.unique(graph.log_weights, return_inverse=True)
    guess = np.exp(logs)
    found, done = guess.copy(), np.isneginf(logs)
    for digits in _DIGITS:
        left = np.flatnonzero(~done)
        _try(left, np.array([float(f"{w:.{digits}g}") for w in guess[left].tolist()]), logs, found, done)
    for direction in (-np.inf, np.inf):
        near = guess.copy()
        for _ in range(_NEIGHBOURS):
            left = np.flatnonzero(~done)
            near[left] = np.nextafter(near[left], direction)
            _try(left, near[left], logs, found, done)
    return found[places]


def _try(places: Int64s, weights: Floats, logs: Floats, found: Floats, done: npt.NDArray[np.bool_]) -> None:
    """Accept those weights that have the logarithms."""
    with np.errstate(divide="ignore"):
        fits = np.log(weights) == logs[places]
    found[places[fits]] = weights[fits]
    done[places[fits]] = True
