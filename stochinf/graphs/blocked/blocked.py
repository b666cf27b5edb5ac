"""The blocked Gibbs sampler as users and front doors name it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.graphs.blocked.cutsets import choose_blocks, eliminate_block
from stochinf.graphs.blocked.kernel import BlockGibbs, BlockGibbsWithSums
from stochinf.graphs.blocked.plan import block_plan, factors_of, neighbourhoods
from stochinf.graphs.blocked.state import Indices, Spins
from stochinf.graphs.targets import SpinGraph, TableGraph

__all__ = ["Blocked", "covering_blocks"]

Int32s = npt.NDArray[np.int32]

NO_MEMBERS = np.empty(0, np.int32)
CELLS = 32
"""Entries of a table where nothing else is asked for: five binary variables."""

MOST_GIVEN = 24.0
"""Base-2 logarithm of the entries that a table of a given block may have."""


@part
class Blocked(NamedTuple):
    """Gibbs sampling by blocks: a step draws all variables of a block at once, given the others, in every chain.

    Blocks mix where single variables stick: strong couplings, constraints that let no variable move alone.

    Parameters
    ----------
    inverse_temperature : float or schedule
        Multiplies the log weights.
    sums : bool
        Add the marginals of each block given the rest up, for Rao-Blackwellised marginals.
    cells : int
        Entries that a table may have; more makes larger blocks that mix better and cost more. 0 chooses: 32, or what two
        variables need.
    block_start, block_members : int array, optional
        Blocks of your own: block b has the variables ``block_members[block_start[b]:block_start[b + 1]]``, by number. They may
        overlap; variables in none of them get blocks that are chosen.

    References
    ----------
    Hamze, F. and de Freitas, N. (2004). From fields to trees. UAI 20, section 3.
    Bidyuk, B. and Dechter, R. (2007). Cutset sampling for Bayesian networks. JAIR 28.

    Examples
    --------
    >>> import networkx as nx
    >>> import stochinf as si
    >>> from stochinf.graphs.blocked import Blocked
    >>> G = nx.grid_2d_graph(8, 8)
    >>> nx.set_edge_attributes(G, 0.5, "J")
    >>> graph = si.FactorGraph.from_networkx(G)
    >>> kernel = Blocked()
    >>> blocks = kernel.prepare(graph.as_target()).points(graph)
    >>> run = si.run(kernel, graph, steps=100 * blocks, thin=blocks, chains=8, rng=0)
    >>> run["state"].shape
    (8, 100, 64)
    """

    inverse_temperature: Any = 1.0
    sums: bool = False
    cells: int = 0
    block_start: Int32s = NO_MEMBERS
    block_members: Int32s = NO_MEMBERS

    def checked(self) -> Blocked:
        """Check the numbers."""
        beta = self.inverse_temperature
        if isinstance(beta, (int, float, np.number)) and not (np.isfinite(beta) and beta >= 0):
            raise StochinfError(f"Blocked: inverse_temperature = {beta}; a finite number that is not negative is needed")
        if not 0 <= self.cells <= 2**MOST_GIVEN:
            raise StochinfError(f"Blocked: cells = {self.cells}; from 1 to 2^24, or 0 to choose")
        start, members = self.block_start, self.block_members
        if members.size and (start.size < 2 or start[0] != 0 or start[-1] != members.size or (np.diff(start) < 1).any()):
            raise StochinfError(f"Blocked: block_start = {start}: 0, then where each block ends, the last {members.size}")
        return self

    def prepare(self, target: Any) -> Any:
        """Choose blocks and return the kernel for the kind of graph.

        Raises
        ------
        StochinfError
            If the target is no factor graph, or a block names a variable that is not free.
        GraphError
            If a given block needs too large tables.
        """
        if not isinstance(target, (SpinGraph, TableGraph)):
            raise StochinfError(f"Blocked: a FactorGraph is needed, not {type(target).__name__}")
        factors = factors_of(target)
        cardinality: Int32s = target.cardinality
        near = neighbourhoods(factors, target.free, cardinality.size)
        blocks = self._given(target, near)
        left = np.zeros(cardinality.size, np.int64)
        left[target.free] = cardinality[target.free]
        if blocks:
            left[self.block_members] = 0
            near = [around - set(self.block_members.tolist()) for around in near]
        if left.any():
            blocks += choose_blocks(near, left, limit_of(self.cells, left))
        kind = BlockGibbsWithSums if self.sums else BlockGibbs
        plan = block_plan(factors, cardinality, blocks)
        coding = Spins() if isinstance(target, SpinGraph) else Indices()
        return kind(plan, coding, factors.log_tables, self.inverse_temperature)

    def _given(self, target: Any, near: list[set[int]]) -> list[Any]:
        """Return the elimination of the blocks given."""
        logs = np.log2(target.cardinality).tolist()
        free = set(target.free.tolist())
        blocks = []
        for first, last in zip(self.block_start[:-1], self.block_start[1:], strict=True):
            members = set(self.block_members[first:last].tolist())
            if not members <= free:
                wrong = sorted(members - free)[0]
                raise StochinfError(f"Blocked: variable number {wrong} of a block is observed, or no variable of the graph")
            blocks.append(eliminate_block(near, members, logs, MOST_GIVEN, set()))
        return blocks


def limit_of(cells: int, n_states: npt.NDArray[Any]) -> int:
    """Return the entries that a table may have: as asked for, else `CELLS`, or what the two largest variables need."""
    largest = np.sort(n_states)[-2:].astype(np.int64)
    return cells or max(CELLS, int(np.maximum(largest, 1).prod()))


def covering_blocks(target: SpinGraph | TableGraph, cells: int, together: Iterable[Any]) -> tuple[Int32s, Int32s]:
    """Return blocks, for `Blocked(block_start=, block_members=)`, that cover all free variables, each given set inside one.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.blocked.blocked import covering_blocks
    >>> graph = si.FactorGraph([2, 2, 2], [(0, 1), (1, 2)], [[1, 0, 0, 1], [1, 2, 3, 4]])
    >>> covering_blocks(graph.as_target(), 2, [[0, 1]])
    (array([0, 2, 3, 5], dtype=int32), array([0, 2, 1, 0, 1], dtype=int32))
    """
    n_states = np.zeros(target.cardinality.size, np.int64)
    n_states[target.free] = target.cardinality[target.free]
    near = neighbourhoods(factors_of(target), target.free, n_states.size)
    blocks = choose_blocks(near, n_states, limit_of(cells, n_states), together)
    sizes = [len(block) for block in blocks]
    members = [v for block in blocks for v, _ in block]
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32), np.array(members, np.int32)
