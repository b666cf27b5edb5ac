"""A log density and its gradient as one module with the C function that samplers call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from stochinf.density.emit.arrays import Array, row_by_row, typed
from stochinf.density.emit.emitter import Emitter
from stochinf.density.emit.lower import lowered, pruned
from stochinf.density.emit.machine import ENTRY, WORK
from stochinf.density.emit.room import Room
from stochinf.density.emit.words import DOUBLE, INT, NUMBERS, WORD, Writer, whole
from stochinf.density.graph import Graph, Node

__all__ = ["module_text"]

TABLE = NUMBERS.as_pointer()
FULL_WIDTH = '"prefer-vector-width"="512"'
"""LLVM uses half of the vectors that a processor has unless it is asked."""


def module_text(graph: Graph, names: Sequence[str]) -> str:
    """Return LLVM's text for a graph with one input, a position, and one or two outputs: log density and gradient.

    Parameters
    ----------
    graph : Graph
        What to compile.
    names : sequence of str
        Names of data; the data pointer leads to a table of pointers: work space, then data in this order.

    Returns
    -------
    str
    """
    module = ir.Module("density")
    module.triple = llvm.get_process_triple()
    value = Function(module, "value", pruned(graph.nodes, graph.outputs[:1]), names)
    both = Function(module, "both", graph, names) if len(graph.outputs) == 2 else None
    write_entry(module, value, both)
    work = ir.GlobalVariable(module, WORD, WORK)
    work.initializer, work.global_constant = ir.Constant(WORD, max(value.work, both.work if both else 0)), True
    return whole(module)


class Function:
    """A function that returns the log density, and writes the gradient where the graph has one.

    Parameters
    ----------
    module : ir.Module
        Where it is written.
    name : str
        Its name there.
    graph : Graph
        One or two outputs.
    names : sequence of str
        Names of data.

    Attributes
    ----------
    function : ir.Function
        Takes position, gradient and table.
    work : int
        Numbers of work space.
    """

    def __init__(self, module: ir.Module, name: str, graph: Graph, names: Sequence[str]) -> None:
        self.function = ir.Function(module, ir.FunctionType(DOUBLE, [NUMBERS, NUMBERS, TABLE]), name)
        self.function.linkage = "internal"
        set.add(self.function.attributes, FULL_WIDTH)
        for argument in self.function.args:
            argument.add_attribute("noalias")
        x, gradient, table = self.function.args
        w = Writer(self.function)
        graph = lowered(graph)
        room = Room(w, w.read(w.at(table, w.word(0))))
        data = {str(key): _data(w, node, table, 1 + names.index(key)) for key, node in graph.leaves("data").items()}
        inputs = {slot: Array(x, node.shape, row_by_row(node.shape)) for slot, node in graph.leaves("input").items()}
        targets = {1: Array(gradient, graph.nodes[graph.outputs[1]].shape, (1,))} if len(graph.outputs) == 2 else {}
        outputs = Emitter(w, room, graph, inputs, data).write(targets)
        w.builder.ret(outputs[0])
        self.work = room.size


def _data(w: Writer, node: Node, table: Any, position: int) -> Any:
    """Return an array of data, or the number that one without axes holds."""
    pointer = typed(w, w.read(w.at(table, w.word(position))), node.kind)
    array = Array(pointer, node.shape, row_by_row(node.shape), 0, node.kind)
    return array if node.shape else array.load(w, ())


def write_entry(module: ir.Module, value: Function, both: Function | None) -> None:
    """Write the C function: the gradient where one is wanted; 1 where a value is not finite, but for a density of zero."""
    result = ir.FunctionType(INT, [WORD, NUMBERS, NUMBERS, NUMBERS, ir.IntType(8).as_pointer()])
    function = ir.Function(module, result, ENTRY)
    n, x, gradient, out, data = function.args
    w = Writer(function)
    table = w.builder.bitcast(data, TABLE)
    code = w.builder.alloca(INT)
    w.builder.store(ir.Constant(INT, 0), code)
    wanted = w.builder.icmp_unsigned("!=", gradient, ir.Constant(NUMBERS, None))
    with w.builder.if_else(wanted) as (then, otherwise):
        with then:
            w.builder.store(w.builder.call((both or value).function, [x, gradient, table]), out)
            if both is not None:
                _check_all(w, gradient, n, code)
        with otherwise:
            w.builder.store(w.builder.call(value.function, [x, gradient, table]), out)
    total = w.builder.load(out)
    good = w.compare("<", total, w.number(float("inf")))
    none = w.compare("==", total, w.number(float("-inf")))
    checked = w.select(none, ir.Constant(INT, 0), w.builder.load(code))
    w.builder.ret(w.select(good, checked, ir.Constant(INT, 1)))


def _check_all(w: Writer, gradient: Any, n: Any, code: Any) -> None:
    """Set the code to 1 where a number of the gradient is not finite: its difference from itself is not 0."""
    with w.strict():
        total = w.slot(w.number(0.0))
        w.flags = ("reassoc",)
        with w.loop_if_any(n) as i:
            number = w.read(w.at(gradient, i))
            with w.strict():
                zero = w.multiply(number, w.number(0.0))
            w.builder.store(w.add(w.builder.load(total), zero), total)
        bad = w.compare("!=", w.builder.load(total), w.number(0.0))
    w.builder.store(w.builder.zext(bad, INT), code)
