r"""The simplex method of Nelder and Mead, with restarts.

A simplex of dim + 1 points walks downhill: with the worst point :math:`x_w` and the centroid :math:`c` of the others it tries

.. math:: x_r = c + (c - x_w), \quad x_e = c + \gamma (x_r - c), \quad x_o = c + \rho (x_r - c), \quad x_i = c - \rho (x_r - c),

reflection, expansion where that was the best so far, contraction outside or inside where it was not; where none helps it shrinks
towards the best point by :math:`\delta`. Where a simplex has converged, a fresh one is put around its best point, because
simplices collapse; if that finds nothing better, the next begins elsewhere.

References
----------
Nelder, J. A. and Mead, R. (1965). A simplex method for function minimization. Computer Journal 7.
Gao, F. and Han, L. (2012). Implementing the Nelder-Mead simplex algorithm with adaptive parameters. Computational Optimization
and Applications 51, equation (4.1).
Luersen, M. A. and Le Riche, R. (2004). Globalized Nelder-Mead method for engineering optimization. Computers & Structures 82.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.engine.random import uniform
from stochinf.engine.target import check_needs
from stochinf.optim.black_box.contract import BEST, Region, black_box, draw_start, region_of

__all__ = ["NelderMead", "NelderMeadState", "Simplex"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

VERTEX, REFLECTION, EXPANSION, OUTSIDE, INSIDE = range(5)
"""What the candidate is."""
PHASE, MEMBER, LOCAL, IDLE = range(4)
"""Places in `counts`."""
SIZE, RESTARTS = 2, 3
LEAST = 1e-9
"""How small a simplex gets, relative to its first size."""
CLOSE = 1e-12
"""How close its values get, relative to them, or absolutely."""


class NelderMeadState(NamedTuple):
    """The state of one search.

    Attributes
    ----------
    position, trial, candidate, reflected, centroid : ndarray of shape (dim,)
    region : Region
    stats : ndarray of shape (4,)
        best, value, size (the largest edge from the best point), restarts.
    simplex : ndarray of shape (dim + 1, dim)
        From the best point to the worst.
    values : ndarray of shape (dim + 1,)
    scales : ndarray of shape (dim,)
        Edges of the first simplex.
    levels : ndarray of shape (2,)
        Value at the reflected point; best value when the present simplex began.
    counts : ndarray of shape (4,)
        Phase; vertex being evaluated; whether this simplex began at the best point of the last; iterations without progress.
    evaluations, finished, nonfinite : ndarray of shape (1,)
    """

    position: Floats
    trial: Floats
    candidate: Floats
    reflected: Floats
    centroid: Floats
    region: Region
    stats: Floats
    simplex: Floats
    values: Floats
    scales: Floats
    levels: Floats
    counts: Integers
    evaluations: Integers
    finished: Integers
    nonfinite: Integers


@part(needs=("value",), yields="optimum", derivative_free=True)
class NelderMead(NamedTuple):
    """Nelder and Mead's simplices, with restarts.

    Parameters
    ----------
    size : float
        Edge of the first simplex in every coordinate. NaN takes a quarter of the width of the problem's region in each, or 1
        where it has none.
    adaptive : bool
        Coefficients that suit the dimension (Gao and Han 2012); otherwise 1, 2, 1/2, 1/2.
    restarts : bool
        Begin again where a simplex has converged.

    Raises
    ------
    StochinfError
        If the size is not positive and finite.

    Examples
    --------
    >>> import stochinf as si
    >>> problem = si.Function(lambda x: (x[0] - 1.0) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2, 2)
    >>> result = si.minimize(problem, si.optim.NelderMead(restarts=False), rng=0)
    >>> result.success, result.x.round(6)
    (True, array([1., 1.]))
    """

    size: float = math.nan
    adaptive: bool = True
    restarts: bool = True

    def checked(self) -> NelderMead:
        """Check the size."""
        if not (math.isnan(self.size) or 0 < self.size < math.inf):
            raise StochinfError(f"NelderMead: size = {self.size}; a positive finite number is needed")
        return self

    def prepare(self, target: Any) -> Simplex:
        """Return the kernel on a target."""
        check_needs(self, target)
        n = max(2, int(getattr(target, "dim", 2))) if self.adaptive else 2
        return Simplex(self.size, bool(self.restarts), 1.0 + 2.0 / n, 0.75 - 0.5 / n, 1.0 - 1.0 / n)


@black_box(("size", "restarts"))
class Simplex(NamedTuple):
    """What the rule becomes on a target; the coefficients are those of expansion, contraction and shrinking."""

    size: float
    restarts: bool
    expansion: float
    contraction: float
    shrinking: float

    def init(self, target: Any, position: Floats | None, streams: Any) -> NelderMeadState:
        """Return the state at a starting point."""
        given = not math.isnan(self.size)
        start, region = region_of("NelderMead", target, position, streams, 2.0 * (self.size if given else 1.0))
        n = start.size
        demand(8 * n * (n + 8), f"a simplex in {n} dimensions")
        scales = np.full(n, self.size) if given else (region.far - region.near) / 4.0
        state = NelderMeadState(
            start.copy(), start.copy(), start.copy(), start.copy(), start.copy(), region, np.array([np.inf, np.nan, 0.0, 0.0]),
            np.zeros((n + 1, n)), np.full(n + 1, np.inf), scales, np.full(2, np.inf), np.zeros(4, np.int64),
            *(np.zeros(1, np.int64) for _ in range(3)),
        )  # fmt: skip
        state.simplex[:] = start
        state.simplex[1:] += np.diag(np.where(start + scales <= region.high, scales, -scales))
        return state

    def tell(self, state: NelderMeadState, value: float, rate: float, rng: Any) -> None:
        """Go on by what the candidate was and what its value is."""
        worst = state.values.size - 1
        phase = state.counts[PHASE]
        if phase == VERTEX:
            self.next_vertex(state, value, rng)
        elif phase == REFLECTION:
            state.levels[0] = value
            for i in range(worst):
                state.reflected[i] = state.candidate[i]
            if value < state.values[0]:
                self.propose(state, EXPANSION, self.expansion)
            elif value < state.values[worst - 1]:
                self.accept(state, state.reflected, value, rng)
            elif value < state.values[worst]:
                self.propose(state, OUTSIDE, self.contraction)
            else:
                self.propose(state, INSIDE, -self.contraction)
        elif phase == EXPANSION and not value < state.levels[0]:
            self.accept(state, state.reflected, state.levels[0], rng)
        elif (phase == OUTSIDE and value > state.levels[0]) or (phase == INSIDE and not value < state.values[worst]):
            self.shrink(state)
        else:
            self.accept(state, state.candidate, value, rng)

    def next_vertex(self, state: NelderMeadState, value: float, rng: Any) -> None:
        """Note the value of a vertex; after the last one reflect."""
        k = state.counts[MEMBER]
        state.values[k] = value
        state.counts[MEMBER] = k + 1
        if k + 1 < state.values.size:
            for i in range(state.candidate.size):
                state.candidate[i] = state.simplex[k + 1, i]
            return
        for k in range(1, state.values.size):
            sink(state.simplex, state.values, k)
        self.reflect(state, rng)

    def reflect(self, state: NelderMeadState, rng: Any) -> None:
        """Propose the reflection of the worst point, or begin a fresh simplex where this one has converged."""
        if converged(state):
            self.begin_again(state, rng)
            return
        n = state.candidate.size
        for i in range(n):
            total = 0.0
            for k in range(n):
                total += state.simplex[k, i]
            state.centroid[i] = total / n
            state.candidate[i] = state.centroid[i] + (state.centroid[i] - state.simplex[n, i])
        state.counts[PHASE] = REFLECTION

    def propose(self, state: NelderMeadState, phase: int, factor: float) -> None:
        """Propose a point on the line from the centroid through the reflection."""
        state.counts[PHASE] = phase
        n = state.candidate.size
        for i in range(n):
            state.candidate[i] = state.centroid[i] + factor * (state.centroid[i] - state.simplex[n, i])

    def accept(self, state: NelderMeadState, point: Floats, value: float, rng: Any) -> None:
        """Replace the worst point."""
        worst = state.values.size - 1
        state.counts[IDLE] = 0 if value < state.values[0] else state.counts[IDLE] + 1
        for i in range(worst):
            state.simplex[worst, i] = point[i]
        state.values[worst] = value
        sink(state.simplex, state.values, worst)
        self.reflect(state, rng)

    def shrink(self, state: NelderMeadState) -> None:
        """Pull every point towards the best one and evaluate them again."""
        state.counts[IDLE] += 1
        for k in range(1, state.values.size):
            for i in range(state.candidate.size):
                state.simplex[k, i] = state.simplex[0, i] + self.shrinking * (state.simplex[k, i] - state.simplex[0, i])
        revisit(state, 1)

    def begin_again(self, state: NelderMeadState, rng: Any) -> None:
        """Put a fresh simplex around the best point of the last, or elsewhere if it was such a one and found nothing better."""
        if not self.restarts:
            state.finished[0] = 1
            return
        found = state.values[0]
        gain = state.levels[1] - found
        fruitful = state.counts[LOCAL] == 0 or gain > 1e-10 + 1e-6 * abs(found)
        local = fruitful and found <= state.stats[BEST]
        state.stats[RESTARTS] += 1.0
        state.counts[LOCAL] = 1 if local else 0
        state.levels[1] = found if local else math.inf
        if local:
            for i in range(state.candidate.size):
                state.centroid[i] = state.simplex[0, i]
        else:
            draw_start(state.region, state.centroid, rng)
        factor = 0.05 if local else 1.0
        for k in range(state.values.size):
            for i in range(state.candidate.size):
                state.simplex[k, i] = state.centroid[i]
            if k > 0:
                edge = factor * state.scales[k - 1]
                state.simplex[k, k - 1] += edge if uniform(rng) < 0.5 else -edge
        revisit(state, 0)


@helper()
def revisit(state: NelderMeadState, first: int) -> None:
    """Propose the vertices from a given one on."""
    state.counts[PHASE] = VERTEX
    state.counts[MEMBER] = first
    for i in range(state.candidate.size):
        state.candidate[i] = state.simplex[first, i]


@helper()
def sink(simplex: Floats, values: Floats, k: int) -> None:
    """Move vertex k up to its place among the better ones, which are sorted; behind its equals."""
    while k > 0 and values[k] < values[k - 1]:
        swapped = values[k]
        values[k] = values[k - 1]
        values[k - 1] = swapped
        for i in range(simplex.shape[1]):
            moved = simplex[k, i]
            simplex[k, i] = simplex[k - 1, i]
            simplex[k - 1, i] = moved
        k -= 1


@helper()
def converged(state: NelderMeadState) -> bool:
    """Whether the simplex has become small with values that are close, tiny, or has long found nothing better."""
    n = state.candidate.size
    edge = 0.0
    size = 0.0
    for k in range(1, n + 1):
        for i in range(n):
            length = abs(state.simplex[k, i] - state.simplex[0, i])
            edge = max(edge, length / state.scales[i])
            size = max(size, length)
    state.stats[SIZE] = size
    spread = state.values[n] - state.values[0]
    close = spread <= CLOSE * (1.0 + abs(state.values[0])) or math.isinf(state.values[0])
    return bool((edge <= LEAST and close) or edge <= 1e-3 * LEAST or state.counts[IDLE] > 100 * (n + 1))
