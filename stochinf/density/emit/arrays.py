"""Where the values of nodes lie: arrays in memory with strides, read and written one number at a time."""

from __future__ import annotations

from typing import Any, NamedTuple

from stochinf.density.emit.words import BIT, DOUBLE, NUMBERS, WORD, Writer
from stochinf.density.graph import Node

__all__ = ["Array", "as_word", "row_by_row", "viewed"]

VIEWS = ("broadcast", "reshape", "slice", "transpose")
"""Operations that name numbers of an array anew and compute nothing."""


def row_by_row(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides, counted in numbers, of an array that lies row by row."""
    return (shape[1], 1) if len(shape) == 2 else (1,) * len(shape)


class Array(NamedTuple):
    """An array in memory.

    Parameters
    ----------
    pointer : ir.Value
        Its buffer.
    shape : tuple of int
        Counts, an axis each.
    strides : tuple of int
        Steps in the buffer, counted in numbers, an axis each; 0 repeats.
    start : int or ir.Value
        Where it begins in the buffer.
    kind : {"float", "int", "bool"}
        Kind of its numbers; a bit lies as an integer.
    """

    pointer: Any
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    start: Any = 0
    kind: str = "float"

    @property
    def dense(self) -> bool:
        """Whether it lies row by row without gaps, so that one index serves."""
        return all(
            n == 1 or step == whole for n, step, whole in zip(self.shape, self.strides, row_by_row(self.shape), strict=True)
        )

    def address(self, w: Writer, index: tuple[Any, ...]) -> Any:
        """Return where a number lies; one index alone counts through a dense array."""
        strides = (1,) if len(index) == 1 and len(self.shape) == 2 else self.strides
        fixed = self.start if isinstance(self.start, int) else 0
        total = None if isinstance(self.start, int) else self.start
        for i, step in zip(index, strides, strict=True):
            if isinstance(i, int) and isinstance(step, int):
                fixed += i * step
            elif not isinstance(step, int) or step:
                term = i if isinstance(step, int) and step == 1 else w.builder.mul(i, as_word(w, step))
                total = term if total is None else w.builder.add(total, term)
        if total is None or fixed:
            total = w.word(fixed) if total is None else w.builder.add(total, w.word(fixed))
        return w.at(self.pointer, total)

    def first(self, w: Writer) -> Any:
        """Return where the first number lies."""
        return self.address(w, (0,) * len(self.shape))

    def load(self, w: Writer, index: tuple[Any, ...]) -> Any:
        """Return a number of the array."""
        value = w.read(self.address(w, index))
        return w.builder.trunc(value, BIT) if self.kind == "bool" else value

    def store(self, w: Writer, index: tuple[Any, ...], value: Any) -> None:
        """Write a number of the array."""
        w.write(w.builder.zext(value, WORD) if self.kind == "bool" else value, self.address(w, index))

    def row(self, w: Writer, index: Any) -> Array:
        """Return a row of the array, or a number's array of no axes."""
        step = w.builder.mul(index, w.word(self.strides[0]))
        start = step if isinstance(self.start, int) and self.start == 0 else w.builder.add(step, as_word(w, self.start))
        return Array(self.pointer, self.shape[1:], self.strides[1:], start, self.kind)


def as_word(w: Writer, value: Any) -> Any:
    """Return an integer as LLVM's."""
    return w.word(value) if isinstance(value, int) else value


def typed(w: Writer, pointer: Any, kind: str) -> Any:
    """Return a pointer to numbers as one to a kind of numbers."""
    return pointer if kind == "float" else w.builder.bitcast(pointer, WORD.as_pointer())


def element(kind: str) -> Any:
    """Return LLVM's type of a kind of numbers in a register."""
    return {"float": DOUBLE, "int": WORD, "bool": BIT}[kind]


def viewed(w: Writer, node: Node, array: Array) -> Array | None:
    """Return the array that a node of `VIEWS` makes of another, None where only a copy does."""
    if node.op == "transpose":
        return array._replace(shape=array.shape[::-1], strides=array.strides[::-1])
    if node.op == "slice":
        offset = sum(first * step for (first, _), step in zip(node.attributes, array.strides, strict=True))
        start = array.start + offset if isinstance(array.start, int) else w.builder.add(array.start, w.word(offset))
        steps = tuple(step * own for (_, step), own in zip(node.attributes, array.strides, strict=True))
        return array._replace(shape=node.shape, strides=steps, start=start)
    if node.op == "broadcast":
        missing = len(node.shape) - len(array.shape)
        steps = (0,) * missing + tuple(0 if n == 1 else step for n, step in zip(array.shape, array.strides, strict=True))
        return array._replace(shape=node.shape, strides=steps)
    return reshaped(node.shape, array)


def reshaped(shape: tuple[int, ...], array: Array) -> Array | None:
    """Return an array in another shape, None where its strides do not allow it."""
    if array.dense:
        return array._replace(shape=shape, strides=row_by_row(shape))
    long, kept = ([n for n in counts if n != 1] for counts in (array.shape, shape))
    if long != kept:
        return None
    steps = iter([step for n, step in zip(array.shape, array.strides, strict=True) if n != 1])
    return array._replace(shape=shape, strides=tuple(next(steps) if n != 1 else 0 for n in shape))


def numbers(w: Writer, pointer: Any) -> Any:
    """Return any pointer as one to numbers."""
    return w.builder.bitcast(pointer, NUMBERS)
