"""Derivatives of graphs, which are graphs: reverse mode, and forward mode in the order of evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stochinf.density.adjoints import ADJOINTS, TANGENTS, full, plus, unbroadcast
from stochinf.density.array_functions import concatenate
from stochinf.density.graph import Builder, Graph, Node
from stochinf.density.partials import PARTIALS
from stochinf.density.pruning import lean
from stochinf.density.traced import Traced

__all__ = ["activity", "copied", "forward", "gradient", "pushed", "swept"]

Values = list[Any]
"""The value of each node as a traced one; for a scan, the list of its results."""


def gradient(graph: Graph) -> Graph:
    """Return the graph of a function's value and gradient, by reverse mode.

    Parameters
    ----------
    graph : Graph
        Input 0 is the position; one output of shape ().

    Returns
    -------
    Graph
        Outputs: the value, and the gradient of the position's shape.

    Notes
    -----
    The chain rule from the last node to the first: the adjoint of a node is the sum, over the nodes that use it, of theirs times
    the partial derivatives (Griewank and Walther, Evaluating Derivatives, 2008, table 3.5). The cost is at most a
    few evaluations of the function, however many parameters there are.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.density.derivatives import gradient
    >>> from stochinf.density.interpreter import evaluate
    >>> from stochinf.density.tracing import trace
    >>> both = gradient(trace(lambda x: np.sum(x**3), dim=2).graph)
    >>> evaluate(both, [np.array([1.0, 2.0])])
    [array(9.), array([ 3., 12.])]
    """
    builder = Builder()
    position, shape = start(builder, graph)
    active = activity(graph, {0})
    values = copied(builder, graph, {0: position}, active)
    out = values[graph.outputs[0]]
    one = Traced(builder, builder.constant(1.0))
    adjoints = swept(graph, values, {graph.outputs[0]: one}, active)
    return lean(builder.graph(out.number, filled(builder, adjoints.get(0), shape).number))


def forward(graph: Graph) -> Graph:
    """Return the graph of a function's values and of their change along a direction, by forward mode.

    Parameters
    ----------
    graph : Graph
        Input 0 is the position. Outputs of any shapes, so that `forward(gradient(graph))` gives products with the Hessian.

    Returns
    -------
    Graph
        Input 1 is the direction. Outputs: the values, then their changes.

    Notes
    -----
    Each node's change is computed next to its value, from the changes of its operands (Griewank and Walther, Evaluating
    Derivatives, 2008, table 3.4).

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.density.derivatives import forward
    >>> from stochinf.density.interpreter import evaluate
    >>> from stochinf.density.tracing import trace
    >>> both = forward(trace(lambda x: np.sum(x**3), dim=2).graph)
    >>> evaluate(both, [np.array([1.0, 2.0]), np.array([1.0, 0.5])])
    [array(9.), array(9.)]
    """
    builder = Builder()
    position, shape = start(builder, graph)
    direction = Traced(builder, builder.input(1, shape))
    values, changes = pushed(builder, graph, {0: position}, {0: direction})
    outputs = [values[output] for output in graph.outputs]
    moved = [filled(builder, changes[output], graph.nodes[output].shape) for output in graph.outputs]
    return lean(builder.graph(*(value.number for value in (*outputs, *moved))))


def start(builder: Builder, graph: Graph) -> tuple[Traced, tuple[int, ...]]:
    """Add the position; one of no length for a function that does not look at it."""
    node = graph.leaves("input").get(0)
    shape = (0,) if node is None else node.shape
    return Traced(builder, builder.input(0, shape)), shape


def zero(builder: Builder) -> Traced:
    """Return the number 0."""
    return Traced(builder, builder.constant(0.0))


def filled(builder: Builder, change: Traced | None, shape: tuple[int, ...]) -> Traced:
    """Return a change or an adjoint with all its elements; zeros for None."""
    return full(zero(builder) if change is None else change, shape)


def activity(graph: Graph, slots: set[int]) -> list[Any]:
    """Tell for each node whether it changes with some inputs; for a scan, tell it for each of its results."""
    active: list[Any] = []
    for node in graph.nodes:
        if node.op == "input":
            active.append(node.attributes[0] in slots and node.kind == "float")
        elif node.op == "scan":
            active.append(of_scan(node, [active[operand] for operand in node.operands]))
        elif node.op == "result":
            active.append(active[node.operands[0]][node.attributes[0]])
        else:
            moved = any(active[k] for k in node.operands) and node.kind == "float"
            active.append(moved and PARTIALS.get(node.op, (True,)) not in ((None,), (None, None)))
    return active


def of_scan(node: Node, operands: list[bool]) -> list[bool]:
    """Tell which results of a scan change with its active operands: carries pass it on from step to step."""
    body, n_carries = node.attributes[:2]
    moved = {slot for slot, active in enumerate(operands) if active}
    while True:
        inside = activity(body, moved)
        outputs = [inside[output] for output in body.outputs]
        grown = moved | {k for k in range(n_carries) if outputs[k]}
        if grown == moved:
            return [k in moved for k in range(n_carries)] + outputs[n_carries:]
        moved = grown


def copied(
    builder: Builder,
    graph: Graph,
    inputs: Mapping[int, Traced],
    active: Sequence[Any] | None = None,
    known: Mapping[int, Traced] | None = None,
) -> Values:
    """Add a graph's nodes to another graph, those that are not known; active scans keep values for the way back."""
    from stochinf.density.loop_derivatives import copied_scan

    values: Values = []
    for number, node in enumerate(graph.nodes):
        if known and number in known:
            values.append(known[number])
        elif node.op == "input":
            values.append(inputs[node.attributes[0]])
        elif node.op == "scan":
            stored = active is not None and any(active[number])
            values.append(copied_scan(builder, node, [values[operand] for operand in node.operands], stored))
        elif node.op == "result":
            values.append(values[node.operands[0]][node.attributes[0]])
        else:
            operands = tuple(values[operand].number for operand in node.operands)
            values.append(Traced(builder, builder.add(node.op, operands, *node[2:])))
    return values


def swept(graph: Graph, values: Values, seeds: Mapping[int, Any], active: Sequence[Any]) -> dict[int, Traced]:
    """Return the adjoints of a graph's inputs, by slot; seeds are those of its outputs, by node."""
    from stochinf.density.loop_derivatives import scan_adjoints

    pieces: dict[int, list[Any]] = {node: [seed] for node, seed in seeds.items()}
    found: dict[int, Traced] = {}
    for number in range(len(graph.nodes) - 1, -1, -1):
        node = graph.nodes[number]
        if number not in pieces or not (any(active[number]) if node.op == "scan" else active[number]):
            continue
        if node.op == "result":
            pieces.setdefault(node.operands[0], []).append((node.attributes[0], gathered(pieces[number], node.shape)))
            continue
        operands = [values[operand] for operand in node.operands]
        wanted = [k for k, operand in enumerate(node.operands) if active[operand]]
        if node.op == "scan":
            given = scan_adjoints(node, values[number], operands, dict(pieces[number]), set(wanted))
        else:
            bar = gathered(pieces[number], node.shape)
            if node.op == "input":
                found[node.attributes[0]] = bar
                continue
            given = {k: one_adjoint(k, node, bar, values[number], operands) for k in wanted}
        sums: dict[int, Traced | None] = {}
        for k, adjoint in given.items():
            sums[node.operands[k]] = plus(sums.get(node.operands[k]), adjoint)
        for operand, whole in sums.items():
            pieces.setdefault(operand, []).append(whole)
    return found


def one_adjoint(k: int, node: Node, bar: Traced, out: Traced, operands: list[Traced]) -> Traced:
    """Return the adjoint of one operand."""
    if node.op in PARTIALS:
        partial = PARTIALS[node.op][k]
        adjoint = zero(out.builder) if partial is None else partial(bar, out, *operands)
        return adjoint if operands[k].shape == node.shape else unbroadcast(adjoint, node.shape, ())
    return ADJOINTS[node.op](k, node, bar, out, operands)


def gathered(pieces: list[Traced], shape: tuple[int, ...]) -> Traced:
    """Add the adjoints that the uses of a node gave it; stretches of rows that do not overlap are put side by side."""
    parts: list[tuple[int, Traced]] = []
    total: Traced | None = None
    for piece in pieces:
        node = piece.node
        whole = node.op == "embed" and piece.builder.nodes[node.operands[0]].shape[1:] == shape[1:]
        if whole and node.attributes[0][1] == 1 and node.attributes[1:] in ((), ((0, 1),)):
            parts.append((node.attributes[0][0], Traced(piece.builder, node.operands[0])))
        else:
            total = plus(total, piece)
    for line in side_by_side(parts, shape):
        total = plus(total, line)
    if total is None:
        raise ValueError("a node without an adjoint")
    return total


def side_by_side(parts: list[tuple[int, Traced]], shape: tuple[int, ...]) -> list[Traced]:
    """Return arrays made of stretches of rows at given places, as few as there are overlaps."""
    lines = []
    while parts:
        rest, line, end = [], [], 0
        for place, part in sorted(parts, key=lambda pair: pair[0]):
            if place < end:
                rest.append((place, part))
                continue
            if place > end:
                line.append(full(zero(part.builder), (place - end, *shape[1:])))
            line.append(part)
            end = place + part.shape[0]
        if end < shape[0]:
            line.append(full(zero(line[0].builder), (shape[0] - end, *shape[1:])))
        lines.append(concatenate(line))
        parts = rest
    return lines


def pushed(
    builder: Builder, graph: Graph, inputs: Mapping[int, Traced], changes: Mapping[int, Traced]
) -> tuple[Values, list[Any]]:
    """Add a graph's nodes to another graph, and their changes, None where there is none."""
    from stochinf.density.loop_derivatives import pushed_scan

    values: Values = []
    moved: list[Any] = []
    for node in graph.nodes:
        operands, tangents = [values[k] for k in node.operands], [moved[k] for k in node.operands]
        if node.op == "input":
            values.append(inputs[node.attributes[0]])
            moved.append(changes.get(node.attributes[0]))
        elif node.op == "scan":
            value, change = pushed_scan(builder, node, operands, tangents)
            values.append(value)
            moved.append(change)
        elif node.op == "result":
            values.append(operands[0][node.attributes[0]])
            moved.append(tangents[0][node.attributes[0]] if tangents[0] else None)
        else:
            numbers = tuple(operand.number for operand in operands)
            values.append(Traced(builder, builder.add(node.op, numbers, *node[2:])))
            still = node.kind != "float" or all(tangent is None for tangent in tangents)
            moved.append(None if still else change_of(node, values[-1], operands, tangents))
    return values, moved


def change_of(node: Node, out: Traced, operands: list[Traced], tangents: list[Traced | None]) -> Traced | None:
    """Return the change of a node's value."""
    if node.op not in PARTIALS:
        return TANGENTS[node.op](node, tangents, out, operands)
    total: Traced | None = None
    for partial, tangent in zip(PARTIALS[node.op], tangents, strict=True):
        if partial is not None and tangent is not None:
            total = plus(total, partial(tangent, out, *operands))
    return total
