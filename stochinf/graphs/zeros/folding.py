r"""Folding: states that another state can always stand in for are left out, which changes nothing about what moves can reach.

State b of a variable *covers* state a if every configuration that is possible with a is possible with b in its place. Replacing a
by b maps every path of single-variable or block moves to such a path, and every configuration with a is one move away from
one with b. So the possible configurations are connected by the moves if and only if those without a are. Folding is
repeated while it removes states. A model of independent sets folds to a single configuration; an equality does not fold.

References
----------
Freuder, E. C. (1991). Eliminating interchangeable values in constraint satisfaction problems. AAAI.
    Neighbourhood substitutability.
Brightwell, G. R. and Winkler, P. (2000). Gibbs measures and dismantlable graphs. J. Combinatorial Theory B 78.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.block import Block, advance
from stochinf.engine.jit import helper
from stochinf.engine.observers import Nothing
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.random import stream
from stochinf.engine.rates import Constant
from stochinf.graphs.zeros.supports import Bytes, Int32s, Supports, first_tuple, next_tuple

__all__ = ["Fold", "Folding", "folded"]

MOST_SWEEPS = 200


class Folding(NamedTuple):
    """What folding changes.

    Attributes
    ----------
    position : int32 (0,)
        None is needed.
    alive : uint8
        The domain.
    changed : uint8 (n,)
        Variables to look at.
    digit : int32
        Work space.
    """

    position: Int32s
    stats: npt.NDArray[np.float64]
    alive: Bytes
    changed: Bytes
    digit: Int32s


@helper()
def covers(target: Any, state: Any, i: int, a: int, b: int) -> bool:
    """Whether state b of a variable can stand in for state a."""
    for e in range(target.entry_start[i], target.entry_start[i + 1]):
        q = target.entry_place[e]
        f = target.place_factor[q]
        step = target.stride[q]
        entry = first_tuple(target, state, f, q) + a * step
        while entry >= 0:
            if target.allowed[entry] != 0 and target.allowed[entry + (b - a) * step] == 0:
                return False
            entry = next_tuple(target, state, f, q, entry)
    return True


@part
class Fold(NamedTuple):
    """Remove the states of one variable that another of its states covers."""

    unused: int = 0

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        """Fold a variable, if it or a neighbour changed since the last look."""
        if state.changed[point] == 0:
            return
        state.changed[point] = 0
        base = target.first[point]
        k = target.cardinality[point]
        fewer = False
        for a in range(k):
            kept = state.alive[base + a] != 0
            for b in range(k):
                if kept and b != a and state.alive[base + b] != 0 and covers(target, state, point, a, b):
                    state.alive[base + a] = 0
                    kept = False
                    fewer = True
        if fewer:
            for e in range(target.entry_start[point], target.entry_start[point + 1]):
                f = target.place_factor[target.entry_place[e]]
                for q in range(target.scope_start[f], target.scope_start[f + 1]):
                    state.changed[target.scope[q]] = 1


def folded(supports: Supports, domain: Bytes) -> Bytes:
    """Return the domain after folding; every variable keeps a state.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.graphs.zeros.folding import folded
    >>> from stochinf.graphs.zeros.supports import supports_of
    >>> implication = supports_of(si.FactorGraph([2, 2], [(0, 1)], [[1, 1, 0, 1]]))
    >>> folded(implication, np.ones(4, np.uint8))
    array([1, 0, 0, 1], dtype=uint8)
    """
    n = supports.n_points
    alive = domain.copy()
    if not n:
        return alive
    arity = int(np.diff(supports.scope_start).max(initial=1))
    state = Folding(np.empty(0, np.int32), np.empty(0), alive, np.ones(n, np.uint8), np.zeros(arity, np.int32))
    rng = stream(np.random.SeedSequence(0))
    block = Block(Fold(), supports, Scan(n), Constant(), Nothing(), state, rng, rng.copy(), 1)
    sweeps = 0
    while state.changed.any() and sweeps < MOST_SWEEPS:
        advance(block, n)
        sweeps += 1
    return alive
