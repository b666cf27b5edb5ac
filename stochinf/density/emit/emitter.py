"""A graph written into a function: stage after stage, each loop once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llvmlite import ir

from stochinf.density.emit.arrays import Array, element, viewed
from stochinf.density.emit.elementwise import OPERATIONS, WHOLE
from stochinf.density.emit.loops import Loop
from stochinf.density.emit.opaque import OPAQUE
from stochinf.density.emit.plan import Plan, Term
from stochinf.density.emit.room import Room
from stochinf.density.emit.tiles import Tiles, tiled
from stochinf.density.emit.words import Writer
from stochinf.density.graph import Graph

__all__ = ["Emitter"]


class Emitter:
    """Writes a graph.

    Parameters
    ----------
    w : Writer
        Of the function.
    room : Room
        Memory for intermediate arrays.
    graph : Graph
        Lowered.
    inputs, data : mapping
        Values of the leaves, by slot and by name: arrays, or registers where the shape is ().

    Attributes
    ----------
    values : dict
        What is known already, by node: an array, a register, or for a scan a list of both.
    """

    def __init__(self, w: Writer, room: Room, graph: Graph, inputs: Mapping[int, Any], data: Mapping[str, Any]) -> None:
        self.w, self.room, self.graph, self.nodes = w, room, graph, graph.nodes
        self.inputs, self.data = inputs, data
        self.plan = Plan(graph)
        self.values: dict[int, Any] = {}

    def write(self, targets: Mapping[int, Array]) -> list[Any]:
        """Write everything; return the outputs, of which those in `targets` (by position) lie there."""
        wanted = {self.graph.outputs[position]: array for position, array in targets.items()}
        for number, array in wanted.items():
            if self.plan.roles[number] in ("assembly", "fused"):
                self.values[number] = array
        for number in self.plan.terms:
            self._begin(number)
        for _, work in sorted(tiled(self, self._work()).items()):
            for what in work:
                self._do(what)
        outputs = [self.value(number) for number in self.graph.outputs]
        for position, array in targets.items():
            if outputs[position] is not array:
                self.copy(outputs[position], array)
        return [targets.get(position, output) for position, output in enumerate(outputs)]

    def _work(self) -> dict[int, list[Any]]:
        """Return what is to be done in each stage: opaque nodes, pieces of assemblies, loops."""
        work: dict[int, list[Any]] = {}
        for number, role in enumerate(self.plan.roles):
            if role == "opaque":
                work.setdefault(self.plan.stages[number], []).append(number)
        effects: dict[tuple[int, Any], list[tuple[int, Term]]] = {}
        for number, terms in self.plan.terms.items():
            for term in terms:
                stage = self.plan.when(term)
                if not term.alone:
                    effects.setdefault((stage, self.nodes[term.node].shape), []).append((number, term))
                else:
                    work.setdefault(stage, []).append((number, term))
        for (stage, shape), members in self.plan.groups().items():
            work.setdefault(stage, []).append(Loop(self, shape, members, effects.get((stage, shape), [])))
        return work

    def _do(self, what: Any) -> None:
        """Write one piece of work."""
        if isinstance(what, int):
            self._opaque(what)
        elif isinstance(what, Loop):
            what.write()
        elif isinstance(what, Tiles):
            what.write(self)
        else:
            self._piece(*what)

    def value(self, number: int) -> Any:
        """Return the value of a node that is no part of a loop: an array or a register."""
        waiting = [number]
        while waiting:
            node = waiting[-1]
            missing = [] if node in self.values else [k for k in self.nodes[node].operands if k not in self.values]
            if not missing:
                waiting.pop()
                if node not in self.values:
                    self.values[node] = self._found(node)
            waiting += missing
        return self.values[number]

    def _found(self, number: int) -> Any:
        """Return a leaf, view or scalar, written here."""
        node = self.nodes[number]
        if node.op == "constant":
            value = node.attributes[0]
            return self.w.number(value) if node.kind == "float" else ir.Constant(element(node.kind), int(value))
        if node.op in ("input", "data"):
            return (self.inputs if node.op == "input" else self.data)[node.attributes[0]]
        if node.op == "result":
            return self.value(node.operands[0])[node.attributes[0]]
        if self.plan.roles[number] == "view":
            source = self.value(node.operands[0])
            if not isinstance(source, Array):
                return source
            array = viewed(self.w, node, source)
            return array if node.shape != () else array.load(self.w, ())  # type: ignore[union-attr]  # a number has no strides
        if node.op == "gather":
            return self.value(node.operands[0]).load(self.w, (self.value(node.operands[1]),))
        return self.computed(number, [self.value(operand) for operand in node.operands])

    def computed(self, number: int, operands: list[Any]) -> Any:
        """Return an elementwise operation of registers."""
        node = self.nodes[number]
        whole = node.kind == "int" and node.op in WHOLE
        return (WHOLE if whole else OPERATIONS)[node.op](self.w, *operands)

    def place(self, number: int) -> Array:
        """Return the array that a node's value is stored in."""
        if number not in self.values:
            node = self.nodes[number]
            self.values[number] = self.room.array(node.shape, node.kind)
        return self.values[number]  # type: ignore[no-any-return]

    def _opaque(self, number: int) -> None:
        """Write an operation that has loops of its own."""
        node = self.nodes[number]
        self.values[number] = OPAQUE[node.op](self, node, [self.value(operand) for operand in node.operands])

    def _begin(self, number: int) -> None:
        """Make an assembly ready: zeros, unless its pieces fill it."""
        array = self.place(number)
        if not self.plan.disjoint(number)[1]:
            self.fill(array, 0.0)

    def part(self, number: int, term: Term) -> tuple[Array, bool]:
        """Return the array that a piece goes to, and whether it is added to what is there."""
        array = self.place(number)
        node = self.nodes[number]._replace(op="slice", shape=self.nodes[term.node].shape, attributes=term.places)
        part = viewed(self.w, node, array)
        return part, not self.plan.disjoint(number)[0]  # type: ignore[return-value]  # slices always are

    def put(self, array: Array, index: tuple[Any, ...], value: Any, sign: int, added: bool) -> None:
        """Put a number into an array, or add it there."""
        if added:
            before = array.load(self.w, index)
            value = self.w.add(before, value) if sign > 0 else self.w.subtract(before, value)
        elif sign < 0:
            value = self.w.negative(value)
        array.store(self.w, index, value)

    def _piece(self, number: int, term: Term) -> None:
        """Put a stored piece into its array."""
        source = self.value(term.node)
        if term.rows is not None:
            self._scatter(self.place(number), source, self.value(term.rows), term)
            return
        target, added = self.part(number, term)
        for index in self.indices(target.shape):
            self.put(target, index, source.load(self.w, index), term.sign, added)

    def _scatter(self, target: Array, source: Any, rows: Any, term: Term) -> None:
        """Add a number, or a row, to the rows of an array."""
        shape = self.nodes[term.node].shape
        for index in self.indices(shape, apart=False):
            if self.nodes[term.rows].shape == ():  # type: ignore[index]  # there are rows
                where = (rows, *index)
            else:
                where = (rows.load(self.w, index[:1]), *index[1:])
            value = source.load(self.w, index) if shape else source
            self.put(target, where, value, term.sign, True)

    def indices(self, shape: tuple[int, ...], apart: bool = True) -> Any:
        """Write loops around what the caller writes for the index it gets, once."""
        if 0 in shape:
            return
        if shape == ():
            yield ()
        elif len(shape) == 1:
            yield from ((i,) for i in self.w.each(shape[0], apart=apart))
        else:
            yield from ((i, j) for i in self.w.each(shape[0]) for j in self.w.each(shape[1], apart=apart))

    def copy(self, source: Array, target: Array) -> None:
        """Copy an array."""
        for index in self.indices(target.shape):
            target.store(self.w, index, source.load(self.w, index))

    def fill(self, target: Array, value: float) -> None:
        """Fill an array with a number."""
        number = self.w.number(value) if target.kind == "float" else ir.Constant(element(target.kind), int(value))
        for index in self.indices(target.shape):
            target.store(self.w, index, number)
