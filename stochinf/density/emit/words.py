"""The words of LLVM that the emitters use: constants, arithmetic with the freedom it may have, loops, calls."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from llvmlite import ir

__all__ = ["BIT", "DOUBLE", "FREE", "INT", "NUMBERS", "WORD", "Writer", "shared", "whole"]

BIT, INT, WORD, DOUBLE = ir.IntType(1), ir.IntType(32), ir.IntType(64), ir.DoubleType()
NUMBERS = DOUBLE.as_pointer()
FREE = ("reassoc", "contract", "arcp", "nsz")
"""Freedom that keeps NaN and infinity: sums may be reordered, a product and a sum may be rounded once."""

TINY = 4
"""Turns up to which no loop is written, but every turn."""
SHORT, LONG = 8, 64
"""Turns from which on a loop becomes vector code, and several vectors at a time."""
ALONE = re.compile(r"^(!\d+) = !{ i64 \d+ }$", re.MULTILINE)
MORE = re.compile(r"^(!\d+) = !{ i64 \d+, ", re.MULTILINE)


def whole(module: ir.Module) -> str:
    """Return a module as text; metadata that `Writer.distinct` made is distinct."""
    return MORE.sub(r"\1 = distinct !{ \1, ", ALONE.sub(r"\1 = distinct !{}", str(module)))


class Writer:
    """Writes one function; thin names over `ir.IRBuilder`.

    Parameters
    ----------
    function : ir.Function
        What is written into.

    Attributes
    ----------
    flags : sequence of str
        Freedom of the arithmetic written now.
    wide : bool
        Whether a loop is written that may become vector code.
    group : metadata or None
        Of the loads and stores of a loop whose turns are apart.
    innermost : bool
        Whether the loop written now has none inside so far.
    """

    def __init__(self, function: ir.Function) -> None:
        self.function, self.module = function, function.module
        self.entry = function.append_basic_block("entry")
        self.builder = ir.IRBuilder(self.entry)
        self.flags: Sequence[str] = FREE
        self.wide = False
        self.group: Any = None
        self.innermost = True

    def number(self, value: float) -> ir.Constant:
        """Return a constant."""
        return ir.Constant(DOUBLE, float(value))

    def word(self, value: int) -> ir.Constant:
        """Return a constant integer."""
        return ir.Constant(WORD, int(value))

    def add(self, a: Any, b: Any) -> Any:
        """Return a + b."""
        return self.builder.fadd(a, b, flags=self.flags)

    def subtract(self, a: Any, b: Any) -> Any:
        """Return a - b."""
        return self.builder.fsub(a, b, flags=self.flags)

    def multiply(self, a: Any, b: Any) -> Any:
        """Return a b."""
        return self.builder.fmul(a, b, flags=self.flags)

    def divide(self, a: Any, b: Any) -> Any:
        """Return a / b."""
        return self.builder.fdiv(a, b, flags=self.flags)

    def negative(self, a: Any) -> Any:
        """Return -a."""
        return self.builder.fneg(a, flags=self.flags)

    def compare(self, sign: str, a: Any, b: Any) -> Any:
        """Return a bit; false where one of both is NaN, except for !=."""
        return self.builder.fcmp_unordered("!=", a, b) if sign == "!=" else self.builder.fcmp_ordered(sign, a, b)

    def select(self, bit: Any, a: Any, b: Any) -> Any:
        """Return a where the bit is set, b where not."""
        return self.builder.select(bit, a, b)

    def intrinsic(self, name: str, *arguments: Any) -> Any:
        """Call one of LLVM's own functions of numbers."""
        function = self.module.globals.get(f"llvm.{name}.f64")
        if function is None:
            function = ir.Function(self.module, ir.FunctionType(DOUBLE, [DOUBLE] * len(arguments)), f"llvm.{name}.f64")
        return self.builder.call(function, arguments)

    def declared(self, name: str, result: Any, arguments: Sequence[Any], *attributes: str) -> ir.Function:
        """Return a function of the module by its name, declared where it is not there."""
        function = self.module.globals.get(name)
        if function is None:
            function = ir.Function(self.module, ir.FunctionType(result, arguments), name)
            for attribute in attributes:
                set.add(function.attributes, attribute)
        return function

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a function of numbers that changes nothing else, such as the C library's."""
        function = self.declared(name, DOUBLE, [DOUBLE] * len(arguments), "nounwind", "willreturn", "readnone")
        return self.builder.call(function, arguments)

    def at(self, pointer: Any, index: Any) -> Any:
        """Return the address of one number of an array."""
        return self.builder.gep(pointer, [index], inbounds=True)

    def read(self, address: Any) -> Any:
        """Return what lies at an address."""
        value = self.builder.load(address)
        if self.group is not None:
            value.set_metadata("llvm.access.group", self.group)
        return value

    def write(self, value: Any, address: Any) -> None:
        """Put a value at an address."""
        done = self.builder.store(value, address)
        if self.group is not None:
            done.set_metadata("llvm.access.group", self.group)

    def slot(self, value: Any) -> Any:
        """Return the address of a number on the stack that holds a value for now; LLVM keeps it in a register."""
        with self.builder.goto_entry_block():
            place = self.builder.alloca(value.type)
        self.builder.store(value, place)
        return place

    @contextlib.contextmanager
    def loop(self, stop: Any, start: Any = 0, backwards: bool = False, apart: bool = False, most: int = LONG) -> Iterator[Any]:
        """Write a loop over start, ..., stop - 1, at least one turn; gives the index.

        Where the turns are `apart`, none reads what another writes: LLVM need not look for overlaps. `most` is a guess at the
        number of turns where stop is not known.
        """
        most = stop if isinstance(stop, int) else most
        stop, start = (self.word(bound) if isinstance(bound, int) else bound for bound in (stop, start))
        before, head = self.builder.block, self.function.append_basic_block("loop")
        self.builder.branch(head)
        self.builder.position_at_end(head)
        count = self.builder.phi(WORD)
        count.add_incoming(start, before)
        outer, self.group, self.innermost = self.group, self.distinct() if apart else None, True
        yield self.builder.sub(self.builder.add(start, self.builder.sub(stop, self.word(1))), count) if backwards else count
        after = self.builder.add(count, self.word(1), flags=("nuw", "nsw"))
        count.add_incoming(after, self.builder.block)
        done = self.function.append_basic_block("done")
        jump = self.builder.cbranch(self.builder.icmp_unsigned("<", after, stop), head, done)
        jump.set_metadata("llvm.loop", self.distinct(*self._hints(most)))
        self.group, self.innermost = outer, False
        self.builder.position_at_end(done)

    def _hints(self, most: int) -> Iterator[Any]:
        """Yield what LLVM should know of a loop: vectors are for long ones, copies of the body for short ones alone."""
        if self.group is not None:
            yield self.property("parallel_accesses", self.group)
        if not self.innermost or most >= SHORT:
            yield self.property("unroll.disable")
        if not self.innermost or most < SHORT:
            yield self.property("vectorize.enable", BIT(0))
        elif most < LONG:
            yield self.property("interleave.count", INT(1))

    def property(self, name: str, *values: Any) -> Any:
        """Return a property of a loop."""
        return self.module.add_metadata([ir.MetaDataString(self.module, f"llvm.loop.{name}"), *values])

    def each(self, count: int, backwards: bool = False, apart: bool = False) -> Iterator[Any]:
        """Give every index of 0, ..., count - 1 to a `for`: numbers one by one where they are few, else a loop's."""
        if count <= TINY:
            yield from (range(count - 1, -1, -1) if backwards else range(count))
        else:
            with self.loop(count, backwards=backwards, apart=apart) as index:
                yield index

    def upto(self, stop: Any, backwards: bool = False, apart: bool = False) -> Iterator[Any]:
        """Give every index of 0, ..., stop - 1 to a `for`; there may be none.

        Where stop is not known, they are taken to be few unless `apart`: vectors slow down sums along the rows of a small matrix.
        """
        if isinstance(stop, int):
            yield from self.each(stop, backwards, apart)
        else:
            some = self.builder.icmp_unsigned("!=", stop, self.word(0))
            most = SHORT if apart else SHORT - 1
            with self.builder.if_then(some), self.loop(stop, backwards=backwards, apart=apart, most=most) as index:
                yield index

    @contextlib.contextmanager
    def loop_if_any(self, stop: Any, start: Any = 0, most: int = LONG) -> Iterator[Any]:
        """Write a loop over start, ..., stop - 1 that may have no turns."""
        stop, start = (self.word(bound) if isinstance(bound, int) else bound for bound in (stop, start))
        with self.builder.if_then(self.builder.icmp_unsigned("<", start, stop)), self.loop(stop, start, most=most) as index:
            yield index

    def distinct(self, *more: Any) -> Any:
        """Return a node of metadata that is like no other; `whole` makes it so, which llvmlite cannot."""
        return self.module.add_metadata([self.word(len(self.module.metadata)), *more])

    @contextlib.contextmanager
    def strict(self, *flags: str) -> Iterator[None]:
        """Take away the freedom of arithmetic, but for the flags named."""
        before, self.flags = self.flags, flags
        yield
        self.flags = before


def shared(
    w: Writer, name: str, write: Callable[..., Any], *values: Any, flags: Sequence[str] = FREE, inline: bool = False
) -> Any:
    """Call a function of the module; it is written where it is not there.

    Parameters
    ----------
    w : Writer
        Of the caller.
    name : str
        Of the function.
    write : callable
        Takes a writer and the arguments; returns the result, or None.
    *values
        The arguments.
    flags : sequence of str
        Freedom of its arithmetic.
    inline : bool
        Whether LLVM puts its body in place of every call, as loops need that are to become vector code.
    """
    name = f"own_{name}"
    function = w.module.globals.get(name)
    if function is None:
        result = DOUBLE if inline or flags != FREE else ir.VoidType()
        function = ir.Function(w.module, ir.FunctionType(result, [value.type for value in values]), name)
        function.linkage = "internal"
        function.attributes.add("alwaysinline" if inline else "noinline")
        for argument in function.args:
            if isinstance(argument.type, ir.PointerType):
                argument.add_attribute("noalias")
        inner = Writer(function)
        inner.flags, inner.wide = flags, inline
        value = write(inner, *function.args)
        inner.builder.ret_void() if value is None else inner.builder.ret(value)
    return w.builder.call(function, values)
