r"""Contrastive learning of graphs with weights: chains stand for what the model expects.

With statistics T (`stochinf.learning.model`), chains :math:`\tilde x` of the model and chains :math:`\hat x` that complete the
data, a step descends along

.. math:: g = \langle T(\tilde x) \rangle - \langle T(\hat x) \rangle + \lambda_2 w,

an estimate of the gradient of the mean negative log likelihood, with a penalty. Persistent chains go on from where they are
(`pcd`); contrastive divergence starts them from the data at every step (`cd`). Statistics of one variable's terms are averages
of its conditional distribution, the same in expectation with less noise. Where one graph is observed both kinds of chains use
the same random numbers, so that what the data do not touch cancels.

A graph of many variables comes in blocks: a step draws one block and takes the statistics of its factors, B times.

The result is the average of the iterates, the later ones counting more (Shamir and Zhang 2013, polynomial decay),

.. math:: \bar w_t = \bar w_{t-1} + \frac{\eta + 1}{t + \eta} (w_t - \bar w_{t-1}), \quad \eta = 3.

References
----------
Hinton, G. E. (2002). Training products of experts by minimizing contrastive divergence. Neural Computation 14(8), section 3.
Tieleman, T. (2008). Training restricted Boltzmann machines using approximations to the likelihood gradient. ICML, section 3.
Shamir, O. and Zhang, T. (2013). Stochastic gradient descent for non-smooth optimization. ICML, section 4.
Niu, F. et al. (2011). Tuffy: scaling up statistical inference in Markov logic networks. VLDB 4(6): tied weights of rules.
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
from stochinf.engine.pickers import Minibatches
from stochinf.learning.chains.lesson import Lesson
from stochinf.learning.chains.steps import MISSING, MIXED, SEEN, add_factors, count_again, refresh, visit
from stochinf.models.batch import member, size_of
from stochinf.optim.contract import Move, check_transform, seeded
from stochinf.optim.transforms import Identity, complete

__all__ = ["GraphContrastive", "GraphContrastiveState"]

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Int16s = npt.NDArray[np.int16]
Int32s = npt.NDArray[np.int32]
Words = npt.NDArray[np.uint32]


class GraphContrastiveState(NamedTuple):
    """Weights, chains and work space.

    Attributes
    ----------
    position, gradient, average, zeros, before_step : float64 (D,)
        Weights; their gradient; their average; how often each was exactly 0; where an l1 step began.
    memory : NamedTuple of arrays
        Of the transform.
    states : int16 (2, V, lanes)
        Of the free chains, and of those that see the data.
    counters : int32 (2, F, lanes)
    words : uint32 (2, 2, lanes)
    share : float32 (2, lanes), mass : float32 (2,)
        What each chain counts, and all together.
    kind : int8 (2, V)
        What is known of each variable.
    observed : int16 (V, lanes)
        What the chains see that see rows, -1 for nothing.
    completed : int16 (N, V)
        Rows with their missing states filled in; no row where there is nothing to fill in.
    cells, alone, potential, level, offset, before, chances
        Work space.
    clock : float64 (1,)
        Steps done.
    stats : float64 (2,)
        Norms of the gradient and of the weights.
    """

    position: Floats
    gradient: Floats
    average: Floats
    zeros: Floats
    before_step: Floats
    memory: Any
    states: Int16s
    counters: Int32s
    words: Words
    share: Singles
    mass: Singles
    kind: npt.NDArray[np.int8]
    observed: Int16s
    completed: Int16s
    cells: Singles
    alone: Singles
    potential: Singles
    level: Singles
    offset: Int32s
    before: Int32s
    chances: Singles
    clock: Floats
    stats: Floats


@part(yields="optimum", rate_field="learning_rate", statistics=("gradient_norm", "weight_norm"))
class GraphContrastive(NamedTuple):
    r"""Contrastive learning of a `Lesson`; `stochinf.learn_weights` makes it for the methods `cd` and `pcd`.

    Parameters
    ----------
    learning_rate : float or schedule
    transform : part
        What is done to the gradient before the step, as in `stochinf.optim.SGD`.
    k : int
        Sweeps of a step.
    particles : int
        Chains of each kind, side by side in SIMD lanes.
    restart : bool
        Start the free chains from the data at every step.
    l1, l2 : float
        Penalties :math:`\lambda_1 |w|_1 + \lambda_2 |w|^2 / 2`.
    """

    learning_rate: Any = 0.05
    transform: Any = Identity()
    k: int = 1
    particles: int = 16
    restart: bool = False
    l1: float = 0.0
    l2: float = 0.0

    def checked(self) -> GraphContrastive:
        """Check the numbers."""
        for name in ("k", "particles"):
            if not 1 <= getattr(self, name) < 2**20:
                raise StochinfError(f"GraphContrastive: {name} = {getattr(self, name)}; a whole number from 1 on is needed")
        for name in ("l1", "l2"):
            if not 0 <= getattr(self, name) < math.inf:
                raise StochinfError(f"{name} = {getattr(self, name)}; a finite number of at least 0 is needed")
        check_transform("GraphContrastive", self.transform)
        return self

    def prepare(self, target: Lesson) -> GraphContrastive:
        """Complete the transform; no more chains than rows."""
        rows = len(target.data.rows)
        return self._replace(transform=complete(self.transform), particles=min(self.particles, rows) if rows else self.particles)

    def pick(self, target: Lesson) -> Any:
        """Visit rows in shuffled minibatches, or blocks in shuffled order."""
        return Minibatches(self.particles if len(target.data.rows) else 1)

    def init(self, target: Lesson, position: npt.NDArray[Any] | None, streams: Any) -> GraphContrastiveState:
        """Return the state at given weights, or at 0, with chains in random states."""
        return starting_state(self, target, position, streams)

    def update(self, target: Lesson, state: GraphContrastiveState, point: Any, rate: float, rng: Any) -> None:
        """Move the chains, take the gradient, move the weights."""
        self.transform.look(state.position, state.memory)
        refresh(target.graph, state)
        for j in range(state.gradient.size):
            state.gradient[j] = 0.0
        load(target, state, point, self.restart)
        sweeps(self, target, state, point)
        step(self, target, state, rate)


@helper()
def load(target: Any, state: Any, point: Any, restart: bool) -> None:
    """Put the rows of a minibatch into the chains that see the data; start the free chains from them."""
    free, held = state.states[0], state.states[1]
    if target.data.rows.shape[0] > 0 and target.data.chained:
        state.mass[1] = np.float32(0.0)
        for l in range(size_of(point)):
            row = member(point, l)
            state.share[1, l] = np.float32(target.data.row_weight[row] / size_of(point))
            state.mass[1] += state.share[1, l]
            if restart:
                state.share[0, l] = state.share[1, l]
            for i in range(held.shape[0]):
                state.observed[i, l] = target.data.rows[row, i]
                held[i, l] = state.completed[row, i] if state.completed.shape[0] > 0 else target.data.rows[row, i]
        for i in range(held.shape[0]):
            missing = 0
            for l in range(held.shape[1]):
                missing += 1 if state.observed[i, l] < 0 else 0
            state.kind[1, i] = SEEN if missing == 0 else (MISSING if missing == held.shape[1] else MIXED)
        count_again(target.graph, held, state.counters[1])
    if restart:
        state.mass[0] = state.mass[1]
        for i in range(held.shape[0]):
            for l in range(held.shape[1]):
                free[i, l] = held[i, l]
        for f in range(state.counters.shape[1]):
            for l in range(state.counters.shape[2]):
                state.counters[0, f, l] = state.counters[1, f, l]


@helper()
def sweeps(kernel: Any, target: Any, state: Any, point: Any) -> None:
    """Draw the variables of a block k times, all of them where the point is rows; then take the statistics."""
    graph = target.graph
    whole = target.data.rows.shape[0] > 0
    block = 0 if whole else member(point, 0)
    start, stop = graph.block_start[block], graph.block_start[block + 1]
    for turn in range(kernel.k):
        for i in range(start, stop):
            visit(graph, state, target.data, i, turn == kernel.k - 1)
    add_factors(graph, state, target.data, block)
    if state.completed.shape[0] > 0:
        for l in range(size_of(point)):
            for i in range(state.states.shape[1]):
                state.completed[member(point, l), i] = state.states[1, i, l]


@helper()
def step(kernel: Any, target: Any, state: Any, rate: float) -> None:
    """Scale the gradient to all blocks, add the penalties, move the weights and their average."""
    blocks = 1 if target.data.rows.shape[0] > 0 else target.graph.block_start.size - 1
    squares, length = 0.0, 0.0
    for j in range(state.gradient.size):
        w = state.position[j]
        state.before_step[j] = w
        g = state.gradient[j] * blocks + kernel.l2 * w
        if not target.data.chained:
            g -= target.data.goal[j]
        state.gradient[j] = with_l1(g, w, kernel.l1)
        squares += state.gradient[j] * state.gradient[j]
        length += w * w
    kernel.transform.descend(state.position, state.gradient, state.memory, Move(rate, state.share.shape[1]))
    state.clock[0] += 1.0
    weight = 4.0 / (state.clock[0] + 3.0)
    for j in range(state.position.size):
        if kernel.l1 > 0.0 and state.position[j] * state.before_step[j] < 0.0:
            state.position[j] = 0.0
        state.average[j] += weight * (state.position[j] - state.average[j])
        state.zeros[j] += weight * ((1.0 if state.position[j] == 0.0 else 0.0) - state.zeros[j])
    state.stats[0] = math.sqrt(squares)
    state.stats[1] = math.sqrt(length)


@helper()
def with_l1(g: float, w: float, l1: float) -> float:
    """Return the shortest subgradient with an l1 penalty; a step that crosses 0 ends there."""
    if w > 0.0:
        return g + l1
    if w < 0.0:
        return g - l1
    return math.copysign(max(abs(g) - l1, 0.0), g)


def starting_state(kernel: Any, target: Lesson, position: Any, streams: Any) -> GraphContrastiveState:
    """Return weights as given or 0, and chains in states drawn uniformly, those that see the data in what they see."""
    graph, data, lanes = target.graph, target.data, kernel.particles
    n, counters, size = graph.n_variables, graph.n_factors, target.dim
    missing = bool(data.chained and (data.rows < 0).any())
    demand(lanes * (16 * n + 8 * counters) + 2 * missing * data.rows.size + 64 * size, f"{lanes} chains of {n} variables")
    weights = np.zeros(size) if position is None else np.array(position, dtype=np.float64).reshape(-1)
    if weights.size != size:
        raise StochinfError(f"init: {weights.size} weights given, {size} are learnt")
    generator = streams.generator()
    drawn = (generator.random((n, lanes)) * graph.cardinality[:, None]).astype(np.int16)
    fixed = data.states if data.states.size else np.full(n, -1, np.int16)
    held = np.where(fixed[:, None] >= 0, fixed[:, None], drawn)
    for v in np.flatnonzero(data.softly).tolist():
        chances = np.exp(data.soft[graph.field_start[v] : graph.field_start[v + 1]].astype(np.float64))
        held[v] = generator.choice(chances.size, lanes, p=chances / chances.sum())
    free = np.where((data.given & (fixed >= 0))[:, None], held, drawn)
    rows = data.rows[:] if missing else data.rows[:0]
    completed = np.where(rows >= 0, rows, (generator.random(rows.shape) * graph.cardinality).astype(np.int16))
    words, widest = streams._replace(lanes=lanes).lane_words(), int(graph.cardinality.max())
    kinds = np.stack([np.where(data.given, SEEN, MISSING).astype(np.int8), data.kinds()])
    observed = np.repeat(fixed[:, None], lanes, axis=1) if len(data.rows) else np.empty((0, lanes), np.int16)
    return GraphContrastiveState(
        weights, np.zeros(size), weights.copy(), np.zeros(size), np.zeros(size), seeded(kernel.transform.init(size), streams),
        np.stack([free, held]), np.stack([graph.counters(free), graph.counters(held)]), np.stack([words, words]),
        np.full((2, lanes), 1.0 / lanes, np.float32), np.ones(2, np.float32),
        kinds, observed, completed, np.array(graph.cell_base),
        np.empty(widest, np.float32), np.empty((widest, lanes), np.float32), np.empty(lanes, np.float32),
        np.empty(lanes, np.int32), np.empty(lanes, np.int32), np.empty(widest, np.float32), np.zeros(1), np.full(2, np.nan),
    )  # fmt: skip
