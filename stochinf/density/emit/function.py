"""Graphs as C functions of positions: compiled once, bound to data as often as needed."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np

from stochinf.density import interpreter
from stochinf.density.emit.kept import code_of
from stochinf.density.emit.lower import pruned, split
from stochinf.density.emit.machine import ENTRY, WORK, Linked
from stochinf.density.graph import Graph
from stochinf.density.pointer import Foreign
from stochinf.engine.errors import StochinfError

__all__ = ["CompiledGraph"]

KINDS = {"float": np.float64, "int": np.int64, "bool": np.int64}
LINE = 64
"""Bytes of a cache line: no two chains write to the same one."""

_linked: dict[tuple[Any, ...], Linked] = {}


class CompiledGraph(Foreign):
    """A log density that was compiled from a graph, with its data.

    Chains that run apart get a work space each: `ticket` makes one and returns the address that the C function takes, until
    `release`.

    Parameters
    ----------
    graph : Graph
        One input, slot 0: the position. Outputs: log density and, if there are two, gradient.
    data : mapping
        Arrays by name, of the shapes and kinds of the graph's leaves.

    Raises
    ------
    StochinfError
        If data are missing or have another shape.

    Attributes
    ----------
    arrays : list of ndarray
        Data, and what depends on data alone, as the C function takes them.
    work : int
        Numbers of work space that a chain needs.
    alone : int
        Address of the C function of the log density alone, 0 before `without_gradient`.
    blas : bool
        Whether it calls BLAS, which the engine then keeps on one thread.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.density.emit.function import CompiledGraph
    >>> from stochinf.density.graph import Builder
    >>> from stochinf.density.pointer import PointerDensity
    >>> b = Builder()
    >>> x, y = b.input(0, (2,)), b.add("data", (), (2,), "float", ("y",))
    >>> r = b.elementwise("sub", x, y)
    >>> value = b.elementwise("mul", b.constant(-0.5), b.add("dot", (r, r), ()))
    >>> compiled = CompiledGraph(b.graph(value, b.elementwise("neg", r)), {"y": [1.0, 2.0]})
    >>> density, slope = PointerDensity(compiled, dim=2, differentiable=True), np.empty(2)
    >>> density.log_density_gradient(np.array([2.0, 4.0]), slope), slope
    (-2.5, array([-1., -2.]))
    """

    def __init__(self, graph: Graph, data: Mapping[str, Any] | None = None) -> None:
        before, after = split(graph)
        leaves = after.leaves("data")
        names = tuple(sorted(leaves))
        given = fitting(graph, data or {})
        values = {f"~{k}": value for k, value in enumerate(interpreter.evaluate(before, [], given))} | given
        self.arrays = [np.require(values[name], KINDS[leaves[name].kind], ["C", "A"]) for name in names]
        linked = _link(after, names)
        self.work, self.alone = work_of(linked), 0
        self.value = (pruned(after.nodes, after.outputs[:1]), names) if len(after.outputs) == 2 else None
        self.blas = linked.blas
        self.blocks: dict[int, Any] = {}
        super().__init__(linked.address(ENTRY), linked)

    def without_gradient(self) -> None:
        """Compile the log density alone, for the tickets to come: samplers without gradients pay for no gradient then."""
        if self.value is not None and not self.alone:
            linked = _link(*self.value)
            self.work, self.alone = max(self.work, work_of(linked)), linked.address(ENTRY)

    def ticket(self) -> int:
        """Return the address of a new block for one chain: pointers to its own work space, to code and to the shared data."""
        work = np.zeros(self.work + 2 * LINE // 8)
        first = work.ctypes.data + -work.ctypes.data % LINE
        table = np.array([first, self.alone, *(array.ctypes.data for array in self.arrays)], np.int64)
        address = int(table.ctypes.data)
        self.blocks[address] = (work, table)
        return address

    def release(self, ticket: int) -> None:
        """Let go of the block of a chain that is no more."""
        self.blocks.pop(ticket, None)


def work_of(linked: Linked) -> int:
    """Return how many numbers of work space machine code needs."""
    return int(ctypes.c_int64.from_address(linked.constant(WORK)).value)


def fitting(graph: Graph, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of a graph as arrays; compiled code could not tell that a shape is another."""
    found = {}
    for name, node in graph.leaves("data").items():
        if name not in data:
            raise StochinfError(f"data {name!r} is missing: the density was traced with an array of shape {node.shape}")
        found[name] = np.asarray(data[name])
        if found[name].shape != node.shape:
            shapes = f"has shape {found[name].shape}, and the density was traced with {node.shape}"
            raise StochinfError(f"data {name!r} {shapes}: trace it again")
    return found


def _link(graph: Graph, names: tuple[str, ...]) -> Linked:
    """Return a graph's machine code, linked once in this process."""
    key = (graph.digest(), names)
    if key not in _linked:
        _linked[key] = Linked(code_of(graph, names))
    return _linked[key]
