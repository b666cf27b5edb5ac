"""A log density and its gradient as one module with the C function that samplers call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from stochinf.density.emit.arrays import Array, row_by_row, typed
from stochinf.density.emit.emitter import Emitter
from stochinf.density.emit.lower import lowered
from stochinf.density.emit.machine import ENTRY, WORK
from stochinf.density.emit.room import Room
from stochinf.density.emit.words import DOUBLE, INT, NUMBERS, WORD, Writer, whole
from stochinf.density.graph import Graph, Node

__all__ = ["FIRST", "module_text"]

TABLE = NUMBERS.as_pointer()
BYTES = ir.IntType(8).as_pointer()
ALONE, FIRST = 1, 2
"""Places in the table: the function of the log density alone, and the first data."""
FULL_WIDTH = '"prefer-vector-width"="512"'
"""LLVM uses half of the vectors that a processor has unless it is asked."""


def module_text(graph: Graph, names: Sequence[str]) -> str:
    """Return LLVM's text for a graph with one input, a position, and one or two outputs: log density and gradient.

    Parameters
    ----------
    graph : Graph
        What to compile.
    names : sequence of str
        Names of data; the data pointer leads to a table of pointers: work space, the C function of the log density alone or
        null, then data in this order.

    Returns
    -------
    str
    """
    module = ir.Module("density")
    module.triple = llvm.get_process_triple()
    differentiates = len(graph.outputs) == 2
    body = Function(module, "both" if differentiates else "value", graph, names)
    write_entry(module, body, graph.nodes[graph.outputs[1]].size if differentiates else None)
    work = ir.GlobalVariable(module, WORD, WORK)
    work.initializer, work.global_constant = ir.Constant(WORD, body.work), True
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
        data = {str(key): _data(w, node, table, FIRST + names.index(key)) for key, node in graph.leaves("data").items()}
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


def write_entry(module: ir.Module, body: Function, dim: int | None) -> None:
    """Write the C function: 1 where a value is not finite, but for a density of zero.

    Where `body` writes a gradient, of `dim` numbers, and none is wanted, the function of the log density alone is called if the
    table names one; else the gradient goes to the end of the work space.
    """
    result = ir.FunctionType(INT, [WORD, NUMBERS, NUMBERS, NUMBERS, BYTES])
    function = ir.Function(module, result, ENTRY)
    n, x, gradient, out, data = function.args
    w = Writer(function)
    table = w.builder.bitcast(data, TABLE)
    code = w.builder.alloca(INT)
    w.builder.store(ir.Constant(INT, 0), code)
    if dim is None:
        w.builder.store(w.builder.call(body.function, [x, gradient, table]), out)
    else:
        wanted = w.builder.icmp_unsigned("!=", gradient, ir.Constant(NUMBERS, None))
        with w.builder.if_then(w.builder.not_(wanted)):
            _call_alone(w, result, function.args)
        place = w.select(wanted, gradient, w.at(w.read(w.at(table, w.word(0))), w.word(body.work)))
        body.work += dim
        w.builder.store(w.builder.call(body.function, [x, place, table]), out)
        with w.builder.if_then(wanted):
            _check_all(w, gradient, n, code)
    total = w.builder.load(out)
    good = w.compare("<", total, w.number(float("inf")))
    none = w.compare("==", total, w.number(float("-inf")))
    checked = w.select(none, ir.Constant(INT, 0), w.builder.load(code))
    w.builder.ret(w.select(good, checked, ir.Constant(INT, 1)))


def _call_alone(w: Writer, signature: ir.FunctionType, arguments: Sequence[Any]) -> None:
    """Return what the function of the log density alone returns, if the table names one."""
    table = w.builder.bitcast(arguments[-1], signature.as_pointer().as_pointer())
    alone = w.read(w.at(table, w.word(ALONE)))
    with w.builder.if_then(w.builder.icmp_unsigned("!=", alone, ir.Constant(signature.as_pointer(), None))):
        w.builder.ret(w.builder.call(alone, arguments))


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
