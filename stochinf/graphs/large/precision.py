r"""Weights of few bits: couplings of spins in two bytes or one.

Rounding makes another model. If :math:`\delta_{ij}` is what a coupling changes by, the logit of a conditional changes by at most
:math:`2 \sum_j |\delta_{ij}|`, the conditional by a quarter of that, :math:`b_i`, and where influences are weak,

.. math:: |p(s_i = 1) - p'(s_i = 1)| \le \frac{\max_j b_j}{1 - \alpha}, \quad \alpha = \max_i \sum_j \tanh |J_{ij}| < 1.

References
----------
Georgii, H.-O. (2011). Gibbs measures and phase transitions. 2nd edition, theorem 8.20 (Dobrushin's comparison).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.engine.parts import part
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import flat_factors
from stochinf.graphs.spins import SpinParameters
from stochinf.graphs.targets import SpinGraph, graph_target

__all__ = ["ByteSpinGraph", "HalfSpinGraph", "LowPrecision", "low_precision"]

Int32s = npt.NDArray[np.int32]
Float32s = npt.NDArray[np.float32]
STEPS = 127
HALF_SCALE = np.float32(2.0**112)


@part
class HalfSpinGraph(NamedTuple):
    """A `SpinGraph` whose couplings are the bits of float16; attributes as there."""

    start: Int32s
    neighbours: Int32s
    coupling: npt.NDArray[np.uint16]
    scale: float
    field: Float32s
    free: Int32s
    clamped: Int32s
    first_slot: Int32s
    colour_start: Int32s
    colour_members: Int32s
    spin_labels: bool

    @property
    def n_points(self) -> int:
        """Number of free variables."""
        return self.free.size

    @property
    def cardinality(self) -> Int32s:
        """Two states each."""
        return np.full(self.field.size, 2, np.int32)

    def variables(self, positions: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.int8]]:
        """Return spins, or state indices, as int8 of shape (chain, draw, node)."""
        return {"state": (positions if self.spin_labels else (positions + 1) / 2).astype(np.int8)}

    def weight(self, k: int) -> np.float32:
        """Return a coupling: exponent and fraction of float16 become those of a float32 that is 2^-112 of it."""
        bits = np.uint32(self.coupling[k])
        size = np.int32(np.uint32(np.uint32(bits & np.uint32(0x7FFF)) << np.uint32(13))).view(np.float32) * HALF_SCALE
        return -size if bits & np.uint32(0x8000) else size


@part
class ByteSpinGraph(NamedTuple):
    """A `SpinGraph` whose couplings are bytes, in units of `scale`; attributes as there."""

    start: Int32s
    neighbours: Int32s
    coupling: npt.NDArray[np.int8]
    scale: float
    field: Float32s
    free: Int32s
    clamped: Int32s
    first_slot: Int32s
    colour_start: Int32s
    colour_members: Int32s
    spin_labels: bool

    @property
    def n_points(self) -> int:
        """Number of free variables."""
        return self.free.size

    @property
    def cardinality(self) -> Int32s:
        """Two states each."""
        return np.full(self.field.size, 2, np.int32)

    def variables(self, positions: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.int8]]:
        """Return spins, or state indices, as int8 of shape (chain, draw, node)."""
        return {"state": (positions if self.spin_labels else (positions + 1) / 2).astype(np.int8)}

    def weight(self, k: int) -> np.float32:
        """Return a coupling in units of the scale."""
        return np.float32(self.coupling[k])


class LowPrecision(FactorGraph):
    """The model that rounded couplings make, as `low_precision` returns it.

    Attributes
    ----------
    storage : str
        "float16" or "int8".
    logit_error : float
        The largest change of a conditional's logit by rounding, 2 max_i sum_j |delta_ij|.
    bias_bound : float
        What any marginal probability can be off by; infinite where influences are too strong for a bound.

    Examples
    --------
    >>> import stochinf as si
    >>> pair = si.FactorGraph.from_log_tables([2, 2], [(0, 1)], [[0.1, -0.1, -0.1, 0.1]])
    >>> si.graphs.low_precision(pair, "float16").bias_bound < 1e-4
    True
    """

    storage: str
    logit_error: float
    bias_bound: float

    def compact(self, target: SpinGraph) -> HalfSpinGraph | ByteSpinGraph:
        """Return a target whose couplings, which are rounded already, take as few bytes as `storage` says."""
        rest = target._asdict()
        coupling = rest.pop("coupling")
        if self.storage == "float16":
            return HalfSpinGraph(coupling=coupling.astype(np.float16).view(np.uint16), scale=1.0, **rest)
        unit = float(np.abs(coupling).max(initial=0.0)) / STEPS or 1.0
        return ByteSpinGraph(coupling=np.rint(coupling / np.float32(unit)).astype(np.int8), scale=unit, **rest)

    def as_target(self) -> Any:
        """Return what compiled code works on."""
        target: Any = graph_target(self)
        return self.compact(target)


def low_precision(graph: FactorGraph, storage: str = "float16") -> LowPrecision:
    """Return the model with couplings rounded to few bits, which Gibbs sampling then reads as they are stored.

    Parameters
    ----------
    graph : FactorGraph
        Of spins: two states each, factors of at most two variables, no zeros.
    storage : {"float16", "int8"}
        Eleven significant bits each; or 127 steps either way, of one size for all couplings. Fields stay float32.

    Returns
    -------
    LowPrecision
        A FactorGraph with `logit_error` and `bias_bound`; exact methods answer for the rounded model too.

    Raises
    ------
    GraphError
        If the graph is none of spins, a coupling is too large for float16, or the storage is unknown.

    Examples
    --------
    >>> import networkx as nx
    >>> import stochinf as si
    >>> G = nx.cycle_graph(6)
    >>> nx.set_edge_attributes(G, {e: 0.1 + 0.01 * i for i, e in enumerate(G.edges)}, "J")
    >>> low = si.graphs.low_precision(si.FactorGraph.from_networkx(G), "int8")
    >>> low.storage, low.bias_bound < 0.002
    ('int8', True)
    """
    spins = graph.spins
    if spins is None:
        raise GraphError("low_precision: spins are needed: two states each, factors of at most two variables, no zeros")
    rounded = _rounded(spins, storage)
    n, edges = graph.n_variables, spins.edges
    scope = np.concatenate([np.arange(n, dtype=np.int32), edges.reshape(-1)]).astype(np.int32)
    arity = np.repeat([1, 2], [n, len(edges)])
    layout = flat_factors(graph.n_states, np.concatenate([[0], np.cumsum(arity)]), scope, graph.variables)
    logs = np.concatenate([np.outer(spins.field, [-1.0, 1.0]).ravel(), np.outer(rounded, [1.0, -1.0, -1.0, 1.0]).ravel()])
    exactly = SpinParameters(spins.field, edges, rounded, 0.0)
    low = LowPrecision.from_flat(layout._replace(log_weights=logs), graph.variables, graph._states, exactly)
    change, ends = np.abs(rounded - spins.coupling), edges.T
    low.storage = storage
    low.logit_error = 2.0 * _most(change, ends, n)
    alpha = _most(np.tanh(np.abs(spins.coupling)), ends, n)
    low.bias_bound = low.logit_error / 4.0 / (1.0 - alpha) if alpha < 1.0 else np.inf
    return low


def _most(sizes: npt.NDArray[np.float64], ends: Int32s, n: int) -> float:
    """Return the largest sum of the sizes of a variable's couplings."""
    return float((np.bincount(ends[0], sizes, n) + np.bincount(ends[1], sizes, n)).max(initial=0.0))


def _rounded(spins: SpinParameters, storage: str) -> npt.NDArray[np.float64]:
    """Return the couplings as they can be stored."""
    largest = float(np.abs(spins.coupling).max(initial=0.0))
    if storage == "float16":
        if largest > 65504.0:
            raise GraphError(f"low_precision: a coupling of {largest:.6g} is beyond float16, whose largest number is 65504")
        return spins.coupling.astype(np.float16).astype(np.float64)
    if storage == "int8":
        unit = float(np.float32(largest)) / STEPS or 1.0
        return np.rint(spins.coupling / unit) * unit
    raise GraphError(f"low_precision: storage = {storage!r}; 'float16' or 'int8' is needed")
