"""Loops of a static graph: a step is traced once, however many there are."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stochinf.density.array_functions import real, reshape
from stochinf.density.graph import Builder, Graph
from stochinf.density.known import int_range
from stochinf.density.traced import ACTIVE, Traced, TraceError, traced
from stochinf.engine.errors import StochinfError

__all__ = ["added_scan", "scan"]

Step = Callable[[Any, Any], tuple[Any, Any]]


def scan(step: Step, init: Any, sequences: Any = None, length: int | None = None, reverse: bool = False) -> tuple[Any, Any]:
    """Repeat a step, each with what the one before left: a recurrence c_t, y_t = step(c_{t-1}, x_t) without unrolling it.

    The step is traced once, so that building takes no longer for a longer recurrence. It may use any value around it. On
    plain arrays it runs as a Python loop.

    Parameters
    ----------
    step : callable
        Takes what is carried and a row of the sequences (None without sequences); returns what is carried on, of the same
        shapes, and the output of the step, which has at most one axis, or is None or a tuple of those.
    init : number, array or tuple
        What the first step is given.
    sequences : array or tuple of arrays, optional
        Arrays whose first axes have equal lengths; each step gets a row of each.
    length : int, optional
        Number of steps, where there are no sequences.
    reverse : bool
        Whether the steps go from the last row to the first; the outputs lie in the order of the rows.

    Returns
    -------
    carry
        What the last step left, in the form of `init`.
    outputs
        The outputs of all steps, a row each.

    Raises
    ------
    StochinfError
        If lengths differ or none is given.
    TraceError
        If a step returns other shapes than it was given, or outputs of two axes.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.density import scan
    >>> scan(lambda total, x: (total + x, total), np.zeros(1), np.array([[1.0], [2.0], [3.0]]))[0]
    array([6.])
    """
    rows, form = flatten(sequences)
    counts = {len(row) for row in rows} | ({length} if length is not None else set())
    if len(counts) != 1:
        raise StochinfError(f"scan: lengths {sorted(counts)}; the sequences and `length` must say one number of steps")
    (steps,) = counts
    builder = ACTIVE.get()
    if builder is None:
        return repeated(step, init, sequences, steps, reverse)
    return traced_scan(builder, step, init, (rows, form), steps, reverse)


def flatten(value: Any) -> tuple[list[Any], Any]:
    """Return the leaves of nested tuples, and the tuples with a place for each leaf: None stays, True is a leaf."""
    if value is None:
        return [], None
    if not isinstance(value, (tuple, list)):
        return [value], True
    parts = [flatten(part) for part in value]
    return list(itertools.chain.from_iterable(leaves for leaves, _ in parts)), tuple(form for _, form in parts)


def unflatten(leaves: Sequence[Any], form: Any) -> Any:
    """Return nested tuples of some leaves."""
    supply = iter(leaves)

    def filled(form: Any) -> Any:
        if form is None or form is True:
            return next(supply) if form else None
        return tuple(filled(part) for part in form)

    return filled(form)


def repeated(step: Step, carry: Any, sequences: Any, length: int, reverse: bool) -> tuple[Any, Any]:
    """Run a scan on plain arrays."""
    rows, form = flatten(sequences)
    outputs: list[list[Any]] = []
    shape: Any = None
    for t in range(length - 1, -1, -1) if reverse else range(length):
        carry, output = step(carry, unflatten([row[t] for row in rows], form))
        leaves, shape = flatten(output)
        outputs.insert(0, leaves) if reverse else outputs.append(leaves)
    return carry, unflatten([np.asarray(column) for column in zip(*outputs, strict=True)], shape)


def traced_scan(builder: Builder, step: Step, init: Any, sequences: Any, length: int, reverse: bool) -> tuple[Any, Any]:
    """Trace a step and add the scan to the graph."""
    leaves, form = flatten(init)
    carries = [real(traced(builder, leaf)) for leaf in leaves]
    whole = [traced(builder, row) for row in sequences[0]]
    rows = [row if row.ndim < 3 else reshape(row, (row.shape[0], math.prod(row.shape[1:]))) for row in whole]
    inner = Builder(builder)
    inside = inputs(inner, [carry.node for carry in carries], 0, row=False)
    given = inputs(inner, [row.node for row in rows], len(carries), row=True)
    for number, row in zip(given, rows, strict=True):
        if row.node.kind == "int":
            inner.ranges[number.number] = int_range(builder, row.number)
    given = [reshape(number, row.shape[1:]) for number, row in zip(given, whole, strict=True)]
    token = ACTIVE.set(inner)
    try:
        returned = step(unflatten(inside, form), unflatten(given, sequences[1]))
    finally:
        ACTIVE.reset(token)
    new, outputs, shape = results(inner, returned, form)
    check(carries, new, outputs)
    values = added_scan(builder, inner, carries, rows, new, outputs, length, reverse)
    return unflatten(values[: len(carries)], form), unflatten(values[len(carries) :], shape)


def inputs(inner: Builder, nodes: Sequence[Any], first: int, row: bool) -> list[Traced]:
    """Return inputs for carries, or for rows of sequences."""
    shapes = [node.shape[1:] if row else node.shape for node in nodes]
    pairs = enumerate(zip(nodes, shapes, strict=True), first)
    return [Traced(inner, inner.input(slot, shape, node.kind)) for slot, (node, shape) in pairs]


def results(inner: Builder, returned: Any, form: Any) -> tuple[list[Traced], list[Traced], Any]:
    """Return carries and outputs of a step as nodes of its graph."""
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise TraceError(
            f"the step of a scan returned {returned!r}", "return two things: what is carried on, and an output or None"
        )
    leaves, returned_form = flatten(returned[0])
    if returned_form != form:
        raise TraceError("the step of a scan carries on something of another form than it was given", "return as many values")
    outputs, shape = flatten(returned[1])
    return [real(traced(inner, leaf)) for leaf in leaves], [real(traced(inner, output)) for output in outputs], shape


def check(carries: Sequence[Traced], new: Sequence[Traced], outputs: Sequence[Traced]) -> None:
    """Check the shapes of what a step returned."""
    for before, after in zip(carries, new, strict=True):
        if before.shape != after.shape:
            raise TraceError(
                f"a step of a scan was given an array of shape {before.shape} and carries on one of shape {after.shape}",
                f"begin with an array of shape {after.shape}",
            )
    for output in outputs:
        if output.ndim > 1:
            raise TraceError(f"a step of a scan gives an output of shape {output.shape}", "at most one axis: reshape(-1) it")


def added_scan(
    builder: Builder,
    inner: Builder,
    carries: Sequence[Traced],
    rows: Sequence[Traced],
    new: Sequence[Traced],
    outputs: Sequence[Traced],
    length: int,
    reverse: bool,
) -> list[Traced]:
    """Add a scan whose step has been built; return its last carries and its outputs."""
    body = inner.graph(*(value.number for value in (*new, *outputs)))
    body, captured = trimmed(body, list(inner.captured), len(carries) + len(rows))
    operands = (*(carry.number for carry in carries), *(row.number for row in rows), *captured)
    attributes = (body, len(carries), len(rows), length, reverse)
    number = builder.add("scan", operands, (), "tuple", attributes)
    shapes = [value.shape for value in new] + [(length, *output.shape) for output in outputs]
    return [Traced(builder, builder.add("result", (number,), shape, "float", (k,))) for k, shape in enumerate(shapes)]


def trimmed(body: Graph, captured: list[int], first: int) -> tuple[Graph, list[int]]:
    """Return a step's graph and the values it captures without those that it does not use."""
    used = sorted(slot for slot in body.leaves("input") if slot >= first)
    slots = dict(zip(used, itertools.count(first), strict=False))
    nodes = tuple(
        node._replace(attributes=(slots.get(node.attributes[0], node.attributes[0]),)) if node.op == "input" else node
        for node in body.nodes
    )
    return body._replace(nodes=nodes), [captured[slot - first] for slot in used]
