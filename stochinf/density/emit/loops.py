"""One loop for all that is computed number by number in a stage."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from stochinf.density.emit.arrays import Array, as_word
from stochinf.density.emit.elementwise import maximum
from stochinf.density.emit.words import TINY, WORD

if TYPE_CHECKING:
    from stochinf.density.emit.emitter import Emitter
    from stochinf.density.emit.plan import Term

__all__ = ["Loop"]

Index = tuple[Any, ...]


class Loop:
    """The fused nodes and reductions of one shape and stage.

    Parameters
    ----------
    emitter : Emitter
        Of the graph.
    shape : tuple of int
        Turns, an axis each.
    members : list of int
        Nodes in the order of evaluation.
    effects : list
        Pieces of assemblies that members are put into: (assembly, term).
    """

    def __init__(self, emitter: Emitter, shape: tuple[int, ...], members: list[int], effects: list[tuple[int, Term]]) -> None:
        self.emitter, self.w, self.nodes = emitter, emitter.w, emitter.nodes
        self.shape, self.members, self.effects = shape, members, effects
        self.own = {number for number in members if emitter.plan.roles[number] == "fused"}
        self.slots: dict[int, Any] = {}

    def write(self) -> None:
        """Write the loop; it may have no turns, or one level only where all arrays lie row by row."""
        self.begin()
        if 0 not in self.shape:
            self._nest()
        self.finish()

    def begin(self) -> None:
        """Write what comes before the loop."""
        self._fetch()
        for number in self.members:
            if number not in self.own:
                self._begin(number)
        self.targets = [(term, *self.emitter.part(number, term)) for number, term in self.effects]

    def finish(self) -> None:
        """Read totals from their registers."""
        for number, slot in self.slots.items():
            if self.nodes[number].shape == ():
                self.emitter.values[number] = self.w.builder.load(slot)

    def _nest(self) -> None:
        if len(self.shape) == 1 or self._flat():
            self.w.wide = math.prod(self.shape) > TINY
            for i in self.w.each(math.prod(self.shape), apart=True):
                self._body((i,))
            self.w.wide = False
            return
        rows = [number for number in self.slots if self.nodes[number].shape != ()]
        self.w.wide = self.shape[1] > TINY
        for i in self.w.each(self.shape[0]):
            for number in rows:
                self.w.builder.store(self._neutral(number), self.slots[number])
            for j in self.w.each(self.shape[1], apart=True):
                self._body((i, j))
            for number in rows:
                self.emitter.place(number).store(self.w, (i,), self.w.builder.load(self.slots[number]))
        self.w.wide = False

    def turns(self, start: Any, stop: Any) -> None:
        """Write some of the turns, where one index serves."""
        self.w.wide = True
        with self.w.loop(stop, start, apart=True) as i:
            self._body((i,))
        self.w.wide = False

    def _fetch(self) -> None:
        """Have everything that comes from outside before the loop begins."""
        for number in self.members:
            for operand in self.nodes[number].operands:
                if operand not in self.own:
                    self.emitter.value(operand)
            if number in self.emitter.plan.stored:
                self.emitter.place(number)

    def _flat(self) -> bool:
        """Whether one index serves for all arrays."""
        arrays = [self.emitter.values[k] for n in self.members for k in self.nodes[n].operands if k not in self.own]
        arrays += [self.emitter.values[n] for n in self.members if n in self.emitter.plan.stored]
        arrays += [target for _, target, _ in self.targets]
        plain = all(
            node.op not in ("gather", "tril") and node.attributes[:1] in ((), (None,))
            for node in map(self.nodes.__getitem__, self.members)
        )
        return plain and all(a.dense and a.shape == self.shape for a in arrays if isinstance(a, Array))

    def _neutral(self, number: int) -> Any:
        """Return what a reduction begins with."""
        if self.nodes[number].kind == "int":
            return self.w.word(0 if self.nodes[number].op == "sum" else -(2**63))
        return self.w.number(0.0 if self.nodes[number].op == "sum" else -math.inf)

    def _begin(self, number: int) -> None:
        """Make a reduction ready: a register for a total or that of a row, an array for those of columns."""
        axis = self.nodes[number].attributes[0]
        if axis == 0 and len(self.shape) == 2:
            array = self.emitter.place(number)
            for index in self.emitter.indices(array.shape):
                array.store(self.w, index, self._neutral(number))
        else:
            self.slots[number] = self.w.slot(self._neutral(number))
            if self.nodes[number].shape != ():
                self._zero_rows(number)

    def _zero_rows(self, number: int) -> None:
        """Fill the totals of rows that have no numbers."""
        array = self.emitter.place(number)
        if self.shape[1] == 0:
            for index in self.emitter.indices(array.shape):
                array.store(self.w, index, self._neutral(number))

    def _body(self, index: Index) -> None:
        """Write one turn."""
        local: dict[int, Any] = {}
        for number in self.members:
            node = self.nodes[number]
            if number in self.own:
                local[number] = self._value(number, local, index)
                if number in self.emitter.plan.stored:
                    self.emitter.values[number].store(self.w, index, local[number])
            else:
                self._reduce(number, self._read(node.operands[0], local, index), index)
        for term, target, added in self.targets:
            self.emitter.put(target, index, local[term.node], term.sign, added)

    def _read(self, number: int, local: dict[int, Any], index: Index) -> Any:
        """Return an operand's number."""
        if number in local:
            return local[number]
        value = self.emitter.values[number]
        return value.load(self.w, index) if isinstance(value, Array) else value

    def _value(self, number: int, local: dict[int, Any], index: Index) -> Any:
        """Return a fused node's number."""
        node = self.nodes[number]
        if node.op == "gather":
            return self._gather(node.operands, local, index)
        operands = [self._read(operand, local, index) for operand in node.operands]
        if node.op == "tril":
            return self._lower(operands[0], node.attributes[0], index)
        if node.op in ("broadcast", "reshape"):
            return operands[0]
        return self.emitter.computed(number, operands)

    def _gather(self, operands: tuple[int, ...], local: dict[int, Any], index: Index) -> Any:
        """Return a number of the row that an index names."""
        source, rows = self.emitter.values[operands[0]], operands[1]
        if len(source.shape) > len(index):
            return source.load(self.w, (self.emitter.values[rows], *index))
        row = local[rows] if rows in local else self._row(self.emitter.values[rows], index)
        return source.load(self.w, (row, *index[1:]))

    def _row(self, rows: Any, index: Index) -> Any:
        return rows.load(self.w, index[:1]) if isinstance(rows, Array) else rows

    def _lower(self, value: Any, factor: float, index: Index) -> Any:
        """Return a number of the lower part of a matrix."""
        row, column = (as_word(self.w, i) for i in index)
        below = self.w.builder.icmp_unsigned("<", column, row)
        on = self.w.builder.icmp_unsigned("==", column, row)
        diagonal = self.w.multiply(self.w.number(factor), value)
        return self.w.select(below, value, self.w.select(on, diagonal, self.w.number(0.0)))

    def _reduce(self, number: int, value: Any, index: Index) -> None:
        """Add a number to a total, or compare it with the largest."""
        if number in self.slots:
            slot = self.slots[number]
            self.w.builder.store(self._together(number, self.w.builder.load(slot), value), slot)
        else:
            array = self.emitter.values[number]
            array.store(self.w, index[1:], self._together(number, array.load(self.w, index[1:]), value))

    def _together(self, number: int, total: Any, value: Any) -> Any:
        """Return a total with a number more."""
        if self.nodes[number].op == "sum":
            return self.w.add(total, value) if value.type != WORD else self.w.builder.add(total, value)
        if value.type == WORD:
            return self.w.select(self.w.builder.icmp_signed(">", total, value), total, value)
        return maximum(self.w, value, total)
