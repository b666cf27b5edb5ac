"""Loops over steps, whose body is a graph of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stochinf.density.emit.arrays import Array
from stochinf.density.graph import Graph, Node

if TYPE_CHECKING:
    from stochinf.density.emit.emitter import Emitter

__all__ = ["scan"]


def scan(emitter: Emitter, node: Node, operands: list[Any]) -> list[Any]:
    """Write the loop; return the last carries, then the outputs of all steps."""
    body, n_carries, n_sequences, length, reverse = node.attributes
    w = emitter.w
    carries = [_carry(emitter, value, emitter.nodes[k]) for value, k in zip(operands, node.operands[:n_carries], strict=False)]
    stacks = [emitter.room.array((length, *body.nodes[k].shape), body.nodes[k].kind) for k in body.outputs[n_carries:]]
    if length:
        wide, w.wide = w.wide, False
        with w.loop(length, backwards=reverse) as step:
            rows = [_loaded(w, sequence.row(w, step)) for sequence in operands[n_carries : n_carries + n_sequences]]
            inputs = [*(_loaded(w, carry) for carry in carries), *rows, *operands[n_carries + n_sequences :]]
            _step(emitter, body, inputs, carries, [stack.row(w, step) for stack in stacks])
        w.wide = wide
    return [*(_loaded(w, carry) for carry in carries), *stacks]


def _carry(emitter: Emitter, value: Any, node: Node) -> Array:
    """Return memory for a carry that holds its first value."""
    w = emitter.w
    if node.shape == ():
        return Array(w.slot(value), (), (), None, node.kind)
    array = emitter.room.array(node.shape, node.kind)
    emitter.copy(value, array)
    return array


def _loaded(w: Any, array: Array) -> Any:
    """Return an array, or the number of one that has no axes."""
    if array.shape != ():
        return array
    return w.builder.load(array.pointer) if array.start is None else array.load(w, ())


def _step(emitter: Emitter, body: Graph, inputs: list[Any], carries: list[Array], rows: list[Array]) -> None:
    """Write one step: outputs are all computed before a carry changes."""
    writer = type(emitter)(emitter.w, emitter.room, body, dict(enumerate(inputs)), {})
    targets = {len(carries) + k: row for k, row in enumerate(rows) if row.shape != ()}
    outputs = writer.write(targets)
    for k, row in enumerate(rows):
        if row.shape == ():
            row.store(emitter.w, (), outputs[len(carries) + k])
    new = [_aside(emitter, value, carries) for value in outputs[: len(carries)]]
    for value, carry in zip(new, carries, strict=True):
        if carry.shape != ():
            emitter.copy(value, carry)
        else:
            emitter.w.builder.store(value, carry.pointer)


def _aside(emitter: Emitter, value: Any, carries: list[Array]) -> Any:
    """Return a value that stays when carries change: a view of one is copied."""
    if not isinstance(value, Array) or all(value.pointer is not carry.pointer for carry in carries):
        return value
    array = emitter.room.array(value.shape, value.kind)
    emitter.copy(value, array)
    return array
