"""Derivatives of scans: a scan backwards over what was carried into each step, and a scan that carries changes along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
    """Return a matrix as a vector, anything else as it is."""
    return reshape(x, -1) if x.ndim == 2 else x


def step_inputs(inner: Builder, operands: Sequence[Traced], n_carries: int, n_sequences: int) -> dict[int, Traced]:
    """Return what stands in a step for the operands of its scan: carries, rows of sequences, captured values."""
    given = inputs(inner, [carry.node for carry in operands[:n_carries]], 0, row=False)
    rows = operands[n_carries : n_carries + n_sequences]
    given += inputs(inner, [row.node for row in rows], n_carries, row=True)
    given += [Traced(inner, lifted(inner, value)) for value in operands[n_carries + n_sequences :]]
    return dict(enumerate(given))


def scan_adjoints(
    node: Node, results: Sequence[Traced], operands: Sequence[Traced], bars: dict[int, Traced], wanted: set[int]
) -> dict[int, Traced]:
    """Return the adjoints of a scan's operands from those of its results.

    A scan in the other direction carries the adjoints of what the scan carried, and sums those of captured values; at each step
    the step's own graph is evaluated again from what was carried into it, as far as its values were not kept, and swept.
    """
    body, n_carries, n_sequences, length, reverse = node.attributes
    builder = results[0].builder
    n_results = len(body.outputs)
    moving = of_scan(node, [slot in wanted for slot in range(len(operands))])
    carried = [k for k in range(n_carries) if moving[k]]
    captured = [slot for slot in sorted(wanted) if slot >= n_carries + n_sequences]
    rows_wanted = [slot for slot in sorted(wanted) if n_carries <= slot < n_carries + n_sequences]
    given = [k for k in range(n_carries, n_results) if moving[k] and k in bars]

    first = [full(bars[k], operands[k].shape) if k in bars else zeros(operands[k]) for k in carried]
    first += [zeros(operands[slot]) for slot in captured]
    rows = [*results[n_results:], *operands[n_carries : n_carries + n_sequences]]
    rows += [full(bars[k], results[k].shape) for k in given]

    inner = Builder(builder)
    inside = inputs(inner, [value.node for value in first], 0, row=False)
    per_step = inputs(inner, [row.node for row in rows], len(first), row=True)
    entering = [reshape(per_step[k], operands[k].shape) for k in range(n_carries)]
    known = {n: reshape(per_step[n_carries + k], body.nodes[n].shape) for k, n in enumerate(worth_keeping(body))}
    per_step = per_step[n_carries + len(known) :]
    outside = [Traced(inner, lifted(inner, value)) for value in operands[n_carries + n_sequences :]]
    slots = dict(enumerate([*entering, *per_step[:n_sequences], *outside]))
    active = activity(body, {*carried, *wanted})
    seeds: dict[int, list[Traced]] = {}
    for k, bar in [*zip(carried, inside, strict=False), *zip(given, per_step[n_sequences:], strict=True)]:
        seeds.setdefault(body.outputs[k], []).append(bar)
    summed = {output: total(seed) for output, seed in seeds.items()}
    adjoints = swept(body, copied(inner, body, slots, active, known), summed, active)

    new = [shaped(adjoints.get(k), entering[k]) for k in carried]
    sums = inside[len(carried) :]
    new += [shaped(plus(sums[j], adjoints.get(slot)), operands[slot]) for j, slot in enumerate(captured)]
    outputs = [shaped(adjoints.get(slot), slots[slot]) for slot in rows_wanted]
    values = added_scan(builder, inner, first, rows, in_graph(inner, new), in_graph(inner, outputs), length, not reverse)
    # a carry that no initial value needs is dropped here
    found = {k: value for k, value in zip(carried, values, strict=False) if k in wanted}
    return found | dict(zip([*captured, *rows_wanted], values[len(carried) :], strict=True))


def total(seeds: Sequence[Traced]) -> Traced:
    """Return the sum of adjoints."""
    out = seeds[0]
    for seed in seeds[1:]:
        out = out + seed
    return out


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
    sequences = range(n_carries, n_carries + n_sequences)
    rows = [k for k in sequences if tangents[k] is not None]
    changes = {k: changed(tangents[k], operands[k]) for k in (*carried, *rows)}
    first = [*operands[:n_carries], *(changes[k] for k in carried)]
    given = [*operands[n_carries : n_carries + n_sequences], *(changes[k] for k in rows)]
    inner = Builder(builder)
    inside = inputs(inner, [value.node for value in first], 0, row=False)
    per_step = inputs(inner, [row.node for row in given], len(first), row=True)
    outside = range(n_carries + n_sequences, len(operands))
    captured = in_graph(inner, [operands[k] for k in outside])
    slots = dict(enumerate([*inside[:n_carries], *per_step[:n_sequences], *captured]))
    moved = dict(zip(carried, inside[n_carries:], strict=True)) | dict(zip(rows, per_step[n_sequences:], strict=True))
    moved |= {k: Traced(inner, lifted(inner, tangents[k])) for k in outside if tangents[k] is not None}
    values, change = pushed(inner, body, slots, moved)
    outputs = [values[output] for output in body.outputs]
    kept = [k for k in range(len(outputs)) if moving[k]]
    after = {k: shaped(change[body.outputs[k]], outputs[k]) for k in kept}
    new = in_graph(inner, [*outputs[:n_carries], *(after[k] for k in carried)])
    ends = [k for k in kept if k >= n_carries]
    written = in_graph(inner, [*outputs[n_carries:], *(after[k] for k in ends)])
    found = added_scan(builder, inner, first, given, new, written, length, reverse)
    n_first, n_plain = len(first), len(outputs) - n_carries
    results = [*found[:n_carries], *found[n_first : n_first + n_plain]]
    by_result = dict(zip(carried, found[n_carries:n_first], strict=True))
    by_result |= dict(zip(ends, found[n_first + n_plain :], strict=True))
    return results, [by_result.get(k) for k in range(len(outputs))]


def changed(tangent: Traced | None, like: Traced) -> Traced:
    """Return a change with all its elements; zeros for None."""
    return zeros(like) if tangent is None else full(tangent, like.shape)
