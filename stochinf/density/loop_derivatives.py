"""Derivatives of scans: a scan backwards over what was carried into each step, and a scan that carries changes along."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from stochinf.density.adjoints import full, plus
from stochinf.density.array_functions import broadcast_to, reshape
from stochinf.density.derivatives import activity, copied, of_scan, pushed, swept
from stochinf.density.graph import Builder, Graph, Node
from stochinf.density.loops import added_scan, inputs
from stochinf.density.operations import ELEMENTWISE
from stochinf.density.traced import Traced, lifted

__all__ = ["copied_scan", "pushed_scan", "scan_adjoints"]

CHEAP = {"neg", "add", "sub", "mul", "minimum", "maximum", "abs", "sign", "float", "where", "floor", "ceil", "rint", "floordiv"}
COSTLY = {op for op, rule in ELEMENTWISE.items() if rule.kind == "float"} - CHEAP
SHRINKING = {"sum", "max", "logsumexp", "matmul", "dot", "cholesky", "solve_triangular"}
SMALL = 64
"""Elementwise results of up to so many numbers are kept; larger ones are computed again, memory being slower."""


def copied_scan(builder: Builder, node: Node, operands: Sequence[Traced], stored: bool) -> list[Traced]:
    """Add a scan to another graph; where stored, what the way back needs comes after its results.

    A row each: what is carried into a step, and what the step computes that costs more to compute again than to keep.
    """
    body, n_carries, n_sequences, length, reverse = node.attributes
    inner = Builder(builder)
    inside = step_inputs(inner, operands, n_carries, n_sequences)
    values = copied(inner, body, inside)
    outputs = [values[output] for output in body.outputs]
    entering = [inside[k] for k in range(n_carries)]
    kept = [flat(value) for value in entering + [values[number] for number in worth_keeping(body)]] if stored else []
    return added_scan(
        builder,
        inner,
        operands[:n_carries],
        operands[n_carries : n_carries + n_sequences],
        outputs[:n_carries],
        outputs[n_carries:] + in_graph(inner, kept),
        length,
        reverse,
    )


def worth_keeping(body: Graph) -> list[int]:
    """Return the nodes of a step that are kept for the way back, where they are needed there (`lean` drops the others)."""
    small = [n for n, node in enumerate(body.nodes) if node.op in COSTLY and node.size <= SMALL]
    return small + [n for n, node in enumerate(body.nodes) if node.op in SHRINKING]


def flat(x: Traced) -> Traced:
    """Return an array of several axes as a vector, anything else as it is."""
    return reshape(x, -1) if x.ndim > 1 else x


def step_inputs(inner: Builder, operands: Sequence[Traced], n_carries: int, n_sequences: int) -> dict[int, Traced]:
    """Return what stands in a step for the operands of its scan: carries, rows of sequences, captured values."""
    given = inputs(inner, [carry.node for carry in operands[:n_carries]], 0, row=False)
    rows = operands[n_carries : n_carries + n_sequences]
    given += inputs(inner, [row.node for row in rows], n_carries, row=True)
    given += [Traced(inner, lifted(inner, value)) for value in operands[n_carries + n_sequences :]]
    return dict(enumerate(given))


class Part(NamedTuple):
    """What of a scan takes part in the way back: carries, captured values and sequences by slot, outputs by place."""

    carried: list[int]
    captured: list[int]
    rows: list[int]
    outputs: list[int]


def part_of(node: Node, bars: Collection[int], wanted: set[int]) -> Part:
    """Return what takes part, of results that have adjoints and operands that want them."""
    body, n_carries, n_sequences = node.attributes[:3]
    moving = of_scan(node, [slot in wanted for slot in range(len(node.operands))])
    ends = n_carries + n_sequences
    return Part(
        [k for k in range(n_carries) if moving[k]],
        [slot for slot in sorted(wanted) if slot >= ends],
        [slot for slot in sorted(wanted) if n_carries <= slot < ends],
        [k for k in range(n_carries, len(body.outputs)) if moving[k] and k in bars],
    )


def scan_adjoints(
    node: Node, results: Sequence[Traced], operands: Sequence[Traced], bars: dict[int, Traced], wanted: set[int]
) -> dict[int, Traced]:
    """Return the adjoints of a scan's operands from those of its results.

    A scan in the other direction carries the adjoints of what the scan carried, and sums those of captured values; at each step
    the step's own graph is evaluated again from what was carried into it, as far as its values were not kept, and swept.
    """
    body, n_carries, n_sequences, length, reverse = node.attributes
    part = part_of(node, bars, wanted)
    first = [shaped(bars.get(k), operands[k]) for k in part.carried] + [zeros(operands[slot]) for slot in part.captured]
    rows = [*results[len(body.outputs) :], *operands[n_carries : n_carries + n_sequences]]
    rows += [full(bars[k], results[k].shape) for k in part.outputs]
    inner = Builder(results[0].builder)
    inside = inputs(inner, [value.node for value in first], 0, row=False)
    per_step = inputs(inner, [row.node for row in rows], len(first), row=True)
    sums = inside[len(part.carried) :]
    seeds = [*zip(part.carried, inside, strict=False), *zip(reversed(part.outputs), reversed(per_step), strict=False)]
    slots, adjoints = swept_step(node, inner, operands, per_step, seeds, {*part.carried, *wanted})

    new = [shaped(adjoints.get(k), slots[k]) for k in part.carried]
    new += [shaped(plus(sums[j], adjoints.get(slot)), operands[slot]) for j, slot in enumerate(part.captured)]
    outputs = [shaped(adjoints.get(slot), slots[slot]) for slot in part.rows]
    values = added_scan(
        results[0].builder, inner, first, rows, in_graph(inner, new), in_graph(inner, outputs), length, not reverse
    )
    found = dict(zip([*part.carried, *part.captured, *part.rows], values, strict=True))
    return {slot: value for slot, value in found.items() if slot in wanted}


def swept_step(
    node: Node,
    inner: Builder,
    operands: Sequence[Traced],
    per_step: Sequence[Traced],
    seeds: Sequence[tuple[int, Traced]],
    slots_moving: set[int],
) -> tuple[dict[int, Traced], dict[int, Traced]]:
    """Return what stands for a step's inputs on the way back, and their adjoints, both by slot.

    What comes for every step is, in this order: what was carried into it, what it kept, the rows of the sequences.
    """
    body, n_carries, n_sequences = node.attributes[:3]
    keeping = worth_keeping(body)
    shapes = [operand.shape for operand in operands[:n_carries]] + [body.nodes[n].shape for n in keeping]
    given = [reshape(row, shape) for row, shape in zip(per_step, shapes, strict=False)]
    rows = per_step[len(given) : len(given) + n_sequences]
    outside = in_graph(inner, operands[n_carries + n_sequences :])
    slots = dict(enumerate([*given[:n_carries], *rows, *outside]))
    active = activity(body, slots_moving)
    values = copied(inner, body, slots, active, dict(zip(keeping, given[n_carries:], strict=True)))
    summed: dict[int, Any] = {}
    for k, bar in seeds:
        summed[body.outputs[k]] = plus(summed.get(body.outputs[k]), bar)
    return slots, swept(body, values, summed, active)


def zeros(like: Traced) -> Traced:
    """Return zeros of the shape of a value."""
    return broadcast_to(Traced(like.builder, like.builder.constant(0.0)), like.shape)


def shaped(adjoint: Traced | None, like: Traced) -> Any:
    """Return an adjoint with all its elements; zeros for None."""
    return zeros(like) if adjoint is None else full(adjoint, like.shape)


def in_graph(inner: Builder, values: Sequence[Traced]) -> list[Traced]:
    """Return values as nodes of a step's graph."""
    return [Traced(inner, lifted(inner, value)) for value in values]


def pushed_scan(
    builder: Builder, node: Node, operands: Sequence[Traced], tangents: Sequence[Traced | None]
) -> tuple[list[Traced], list[Traced | None]]:
    """Add a scan that carries changes along with values; return its results and their changes."""
    body, n_carries, n_sequences, length, reverse = node.attributes
    moving = of_scan(node, [tangent is not None for tangent in tangents])
    carried = [k for k in range(n_carries) if moving[k]]
    ends = [k for k in range(n_carries, len(body.outputs)) if moving[k]]
    sequences = range(n_carries, n_carries + n_sequences)
    rows = [k for k in sequences if tangents[k] is not None]
    first = [*operands[:n_carries], *(changed(tangents[k], operands[k]) for k in carried)]
    given = [*operands[n_carries : n_carries + n_sequences], *(changed(tangents[k], operands[k]) for k in rows)]
    inner = Builder(builder)
    inside = inputs(inner, [value.node for value in first], 0, row=False)
    per_step = inputs(inner, [row.node for row in given], len(first), row=True)
    slots = dict(enumerate([*inside[:n_carries], *per_step[:n_sequences], *in_graph(inner, operands[sequences.stop :])]))
    outside = [k for k in range(sequences.stop, len(operands)) if tangents[k] is not None]
    captured = in_graph(inner, [changed(tangents[k], operands[k]) for k in outside])
    moved = dict(zip([*carried, *rows, *outside], [*inside[n_carries:], *per_step[n_sequences:], *captured], strict=True))
    values, changes = pushed(inner, body, slots, moved)
    outputs = [values[output] for output in body.outputs]
    after = {k: shaped(changes[body.outputs[k]], outputs[k]) for k in (*carried, *ends)}
    new = in_graph(inner, [*outputs[:n_carries], *(after[k] for k in carried)])
    written = in_graph(inner, [*outputs[n_carries:], *(after[k] for k in ends)])
    found = added_scan(builder, inner, first, given, new, written, length, reverse)
    middle, last = len(first), len(first) + len(outputs) - n_carries
    of_changes = dict(zip([*carried, *ends], [*found[n_carries:middle], *found[last:]], strict=True))
    return [*found[:n_carries], *found[middle:last]], [of_changes.get(k) for k in range(len(outputs))]


def changed(tangent: Traced | None, like: Traced) -> Traced:
    """Return a change with all its elements; zeros for None."""
    return zeros(like) if tangent is None else full(tangent, like.shape)
