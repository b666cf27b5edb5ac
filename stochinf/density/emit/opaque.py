"""Operations that are no loop over single numbers: copies, running sums, products, factors, recurrences."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stochinf.density.emit.arrays import Array, row_by_row
from stochinf.density.emit.factors import cholesky, solve_triangular
from stochinf.density.emit.products import matmul
from stochinf.density.emit.recurrences import scan
from stochinf.density.graph import Node

if TYPE_CHECKING:
    from stochinf.density.emit.emitter import Emitter

__all__ = ["OPAQUE"]


def reshape(emitter: Emitter, node: Node, operands: list[Any]) -> Array:
    """Copy an array whose strides do not allow another shape."""
    dense = emitter.room.array(operands[0].shape, node.kind)
    emitter.copy(operands[0], dense)
    return dense._replace(shape=node.shape, strides=row_by_row(node.shape))


def cumsum(emitter: Emitter, node: Node, operands: list[Any]) -> Array:
    """Add up an array along an axis."""
    w, out = emitter.w, emitter.room.array(node.shape, node.kind)
    axis, reverse = node.attributes
    if 0 in node.shape:
        return out
    across = [n for k, n in enumerate(node.shape) if k != axis]
    total = w.slot(w.number(0.0) if node.kind == "float" else w.word(0))
    for other in emitter.indices(tuple(across), apart=False):
        w.builder.store(w.number(0.0) if node.kind == "float" else w.word(0), total)
        for i in w.each(node.shape[axis], backwards=reverse):
            index = (*other, i) if axis == len(node.shape) - 1 else (i, *other)
            add = w.add if node.kind == "float" else w.builder.add
            w.builder.store(add(w.builder.load(total), operands[0].load(w, index)), total)
            out.store(w, index, w.builder.load(total))
    return out


OPAQUE: dict[str, Callable[[Emitter, Node, list[Any]], Any]] = {
    "cholesky": cholesky,
    "cumsum": cumsum,
    "matmul": matmul,
    "reshape": reshape,
    "scan": scan,
    "solve_triangular": solve_triangular,
}
"""What writes each operation; it gets the node and its operands' values and returns the node's."""
