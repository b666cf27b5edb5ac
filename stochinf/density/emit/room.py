"""Memory for what a density computes on the way: the stack for little, a work space behind the data pointer for more."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from stochinf.density.emit.arrays import Array, row_by_row, typed
from stochinf.density.emit.words import DOUBLE, Writer

__all__ = ["Room"]

SMALL, STACK = 512, 4096
"""Numbers of an array on the stack, at most, and of all these together."""
LINE = 8
"""Numbers of a cache line."""


class Room:
    """Gives out memory while a function is written.

    Parameters
    ----------
    w : Writer
        Of the function.
    work : ir.Value
        Pointer to the work space.

    Attributes
    ----------
    size : int
        Numbers of the work space that are needed.
    """

    def __init__(self, w: Writer, work: Any) -> None:
        self.w, self.work, self.size, self.stack = w, work, 0, 0

    def array(self, shape: tuple[int, ...], kind: str = "float") -> Array:
        """Return an array that lies row by row and holds anything."""
        size = shape[0] * (shape[1] if len(shape) == 2 else 1) if shape else 1
        if size <= SMALL and self.stack + size <= STACK:
            self.stack += size
            return Array(typed(self.w, self._on_stack(size), kind), shape, row_by_row(shape), 0, kind)
        first, self.size = self.size, self.size + -(-size // LINE) * LINE
        return Array(typed(self.w, self.work, kind), shape, row_by_row(shape), first, kind)

    def _on_stack(self, size: int) -> Any:
        with self.w.builder.goto_entry_block():
            block = self.w.builder.alloca(ir.ArrayType(DOUBLE, max(size, 1)))
            block.align = 8 * LINE
            return self.w.builder.gep(block, [self.w.word(0), self.w.word(0)], inbounds=True)
