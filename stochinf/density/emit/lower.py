"""Graphs made ready for compiling: sums of data apart, compound operations in simple ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from stochinf.density.graph import Builder, Graph, Node

__all__ = ["Split", "lowered", "split"]

FEW = 8
"""Rows of at most so many numbers are reduced by adding columns, which makes vector code over the rows."""


class Split(NamedTuple):
    """A graph in two: what depends on data alone, and the rest.

    Parameters
    ----------
    before : Graph
        Its outputs are the data "~0", "~1", ... of the other.
    after : Graph
        What is left to do for every position.
    """

    before: Graph
    after: Graph


def split(graph: Graph) -> Split:
    """Return a graph in two, so that what depends on data alone is computed once."""
    nodes, depends = graph.nodes, _depends(graph)
    wanted = [o for node, on in zip(nodes, depends, strict=True) if on for o in node.operands] + list(graph.outputs)
    frontier: dict[int, int] = {}
    for number in sorted(set(wanted), reverse=True):
        number = _source(graph, depends, number)
        if not depends[number] and nodes[number].op not in ("data", "constant"):
            frontier.setdefault(number, len(frontier))
    leaves = {number: Node("data", (), nodes[number].shape, nodes[number].kind, (f"~{k}",)) for number, k in frontier.items()}
    replaced = tuple(leaves.get(number, node) for number, node in enumerate(nodes))
    return Split(pruned(nodes, tuple(frontier)), pruned(replaced, graph.outputs))


def _depends(graph: Graph) -> list[bool]:
    """Whether each node depends on an input."""
    depends: list[bool] = []
    for node in graph.nodes:
        depends.append(node.op == "input" or any(depends[operand] for operand in node.operands))
    return depends


def _source(graph: Graph, depends: list[bool], number: int) -> int:
    """Return what a broadcast node repeats, or the array that a number lies in: neither need be copied."""
    node = graph.nodes[number]
    while not depends[number] and (node.op == "broadcast" or (node.op in ("slice", "reshape") and node.size == 1)):
        number = node.operands[0]
        node = graph.nodes[number]
    return number


def pruned(nodes: Iterable[Node], outputs: tuple[int, ...]) -> Graph:
    """Return the graph of some nodes and of what they need."""
    nodes, needed = tuple(nodes), set(outputs)
    for number in range(len(nodes) - 1, -1, -1):
        if number in needed:
            needed.update(nodes[number].operands)
    kept = {old: new for new, old in enumerate(sorted(needed))}
    renamed = (nodes[old]._replace(operands=tuple(kept[operand] for operand in nodes[old].operands)) for old in kept)
    return Graph(tuple(renamed), tuple(kept[output] for output in outputs))


def lowered(graph: Graph) -> Graph:
    """Return a graph that computes the same with fewer kinds of operations."""
    builder = Builder()
    new: list[int] = []
    for node in graph.nodes:
        operands = tuple(new[operand] for operand in node.operands)
        rule = RULES.get(node.op)
        number = None if rule is None else rule(builder, node, operands)
        if number is None:
            number = builder.add(node.op, operands, flat(node), node.kind, node.attributes)
        new.append(number)
    return pruned(builder.nodes, tuple(new[output] for output in graph.outputs))


def flat(node: Node) -> tuple[int, ...]:
    """Return the shape of a node's value, that of more than two axes as one of all its numbers in their order."""
    return node.shape if len(node.shape) < 3 else (node.size,)


def _dot(builder: Builder, node: Node, operands: tuple[int, ...]) -> int:
    return builder.add("sum", (builder.elementwise("mul", *operands),), (), attributes=(None,))


def _logsumexp(builder: Builder, node: Node, operands: tuple[int, ...]) -> int:
    """Shift by the largest where it is finite, as numpy's users do."""
    (x,) = operands
    shape, (axis,) = builder.nodes[x].shape, node.attributes
    top = _reduce(builder, "max", x, axis)
    size = builder.elementwise("abs", top)
    top = builder.elementwise(
        "where", builder.elementwise("lt", size, builder.constant(float("inf"))), top, builder.constant(0.0)
    )
    wide = top if axis is None else builder.broadcast(_column(builder, top) if axis == 1 else top, shape)
    total = _reduce(builder, "sum", builder.elementwise("exp", builder.elementwise("sub", x, wide)), axis)
    return builder.elementwise("add", builder.elementwise("log", total), top)


def _column(builder: Builder, x: int) -> int:
    return builder.add("reshape", (x,), (*builder.nodes[x].shape, 1))


def _reduce(builder: Builder, op: str, x: int, axis: int | None) -> int:
    """Add a sum or maximum; that of short rows as sums of columns."""
    node = builder.nodes[x]
    if axis != 1 or not 1 <= node.shape[1] <= FEW:
        shape = () if axis is None else node.shape[:axis] + node.shape[axis + 1 :]
        return builder.add(op, (x,), shape, node.kind, (axis,))
    rows, total = node.shape[0], None
    for k in range(node.shape[1]):
        piece = builder.add("slice", (x,), (rows, 1), node.kind, ((0, 1), (k, 1)))
        column = builder.add("reshape", (piece,), (rows,), node.kind)
        total = column if total is None else builder.elementwise("add" if op == "sum" else "maximum", total, column)
    return total  # type: ignore[return-value]  # at least one column


def _reduction(builder: Builder, node: Node, operands: tuple[int, ...]) -> int:
    return _reduce(builder, node.op, operands[0], node.attributes[0])


def _embed(builder: Builder, node: Node, operands: tuple[int, ...]) -> int | None:
    """Return what is embedded where it fills its array."""
    fills = builder.nodes[operands[0]].shape == node.shape and all(place == (0, 1) for place in node.attributes)
    return operands[0] if fills else None


def _scan(builder: Builder, node: Node, operands: tuple[int, ...]) -> int:
    body, *rest = node.attributes
    return builder.add("scan", operands, (), "tuple", (lowered(body), *rest))


Rule = Callable[[Builder, Node, tuple[int, ...]], int | None]
RULES: dict[str, Rule] = {
    "dot": _dot,
    "embed": _embed,
    "logsumexp": _logsumexp,
    "max": _reduction,
    "scan": _scan,
    "sum": _reduction,
}
