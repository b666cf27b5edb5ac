"""Pickers that wrap the kernel; public in `stochinf.pickers`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.points import point_count
from stochinf.engine.wrappers import EachOfColour, GreedyChoice

__all__ = ["Colours", "Greedy"]


@part
class Colours(NamedTuple):
    """Colour classes in turn: a point is a colour, and the kernel updates every member of it.

    Members of one colour do not depend on each other given the rest, so that their order within the colour is free. The
    target gives `colour_start` and `colour_members`: members of colour c are colour_members[colour_start[c]:colour_start[c+1]].

    Parameters
    ----------
    n : int
        Number of colours; `prepare` takes it from the target.

    Examples
    --------
    >>> import networkx as nx
    >>> import stochinf as si
    >>> chain = nx.Graph()
    >>> chain.add_edges_from([(0, 1), (1, 2), (2, 3)], J=0.5)
    >>> si.pickers.Colours().prepare(si.FactorGraph.from_networkx(chain).as_target())
    Colours(n=2)
    """

    n: int = 0

    def prepare(self, target: Any) -> Colours:
        """Take the number of colours from the target."""
        if not hasattr(target, "colour_start"):
            raise StochinfError(f"Colours: {type(target).__name__} has no colours (colour_start, colour_members)")
        return Colours(target.colour_start.size - 1)

    def wrap(self, kernel: Any) -> Any:
        """Return the kernel that updates a whole colour."""
        return EachOfColour(kernel)

    def fill(self, points: npt.NDArray[np.int64], start: int, rng: npt.NDArray[np.uint64]) -> None:
        """Write the colours in order."""
        for k in range(points.shape[0]):
            points[k] = (start + k) % self.n


@part
class Greedy(NamedTuple):
    """The point of the largest score: a pick that depends on the state, so the kernel is wrapped (`GreedyChoice`).

    The kernel gives `score(target, state, point)`, for example the size of a coordinate's gradient or the gain of a flip.

    Parameters
    ----------
    n : int
        Number of points to choose among; 0 takes the target's.

    Examples
    --------
    >>> import stochinf as si
    >>> si.pickers.tape(si.pickers.Greedy(5), 3)
    array([5, 5, 5])
    """

    n: int = 0

    def prepare(self, target: Any) -> Greedy:
        """Take the number of points from the target."""
        return Greedy(point_count("Greedy", self.n, target))

    def wrap(self, kernel: Any) -> Any:
        """Return the kernel that looks for the best point before each update."""
        if not hasattr(kernel, "score"):
            raise StochinfError(f"Greedy: {type(kernel).__name__} has no score(target, state, point) to choose by")
        return GreedyChoice(kernel)

    def fill(self, points: npt.NDArray[np.int64], start: int, rng: npt.NDArray[np.uint64]) -> None:
        """Write the number of candidates: the kernel chooses among them."""
        for k in range(points.shape[0]):
            points[k] = self.n
