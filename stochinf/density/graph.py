"""Static graphs of array operations: what a log density written with numpy calls becomes before it is compiled.

A graph is a tuple of nodes in the order of evaluation. A node has an operation, the numbers of its operands, a shape (sizes
known, zero allowed), a kind ("float", "int" or "bool") and attributes that are constants. Arrays lie row by row. Leaves, results,
elementwise operations, reshapes and reductions of all axes take any number of axes; all else at most two (`axes` says how).

Leaves
    input      attributes (slot,); slot 0 is the position, or what `derivatives` and `scan` say
    data       attributes (name,); float or int; an array written in the function itself is named "#0", "#1", ...
    constant   attributes (value,); shape ()

Elementwise, in `operations.ELEMENTWISE`: each operand has the shape of the node or is a scalar, shape (); so that operands
need no other broadcasting; int with int gives int (add, sub, mul, neg, where); all else is float or bool.

Shapes
    broadcast  (x,) to the node's shape, by numpy's rules
    reshape    (x,) in the same order
    transpose  (x,), two axes
    slice      (x,); attributes ((start, step), ...) an axis each, the counts are the node's shape
    embed      (x,) into zeros of the node's shape, the places as in slice (whose adjoint it is)
    concatenate (x, y, ...); attributes (axis,)
    gather     (x, i): rows x[i] of the first axis, i int of shape () or (n,); out of range is undefined
    scatter    (x, i): zeros of the node's shape, then z[i] += x for each row in order (the adjoint of gather)
    tril       (x,); attributes (factor,): zero above the diagonal, the diagonal times factor

Reductions and scans of an array
    sum, max, logsumexp  (x,); attributes (axis,): None, 0 or 1
    cumsum     (x,); attributes (axis, reverse); reverse sums from the end

Products
    matmul     (a, b); attributes (transpose_a, transpose_b): a has two axes, b two or one (then transpose_b is False)
    dot        (a, b): two vectors of the same length, shape ()
    cholesky   (a,): the lower factor, zeros above; only the lower part of a is read; NaN where a is not positive definite
    solve_triangular (l, b); attributes (transpose,): l^-1 b or l^-T b; only the lower part of l is read; b has one or two axes

Loops
    scan       (carry, ..., sequence, ..., captured, ...); kind "tuple", shape (); attributes (body, n_carries, n_sequences,
               length, reverse): body is a graph whose input slots are the carries, the sequences' rows at this step and the
               captured values, in this order, and whose outputs are the new carries and the step's outputs (at most one axis)
    result     (scan,); attributes (k,): the last carry k, or the outputs of all steps, a row each, k counting on

A scan with `reverse` takes the rows from the last to the first, and writes its outputs to the same rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.density.axes import repeated
from stochinf.density.operations import ELEMENTWISE, broadcast_shape, fold
from stochinf.density.simpler import moderate, simplified

__all__ = ["Builder", "Graph", "Node"]

Shape = tuple[int, ...]


class Node(NamedTuple):
    """One operation of a graph.

    Parameters
    ----------
    op : str
        Which operation; the module lists them.
    operands : tuple of int
        The numbers of the nodes it takes.
    shape : tuple of int
        Shape of its value.
    kind : {"float", "int", "bool", "tuple"}
        Kind of its numbers.
    attributes : tuple
        Its constants.
    """

    op: str
    operands: tuple[int, ...]
    shape: Shape
    kind: str = "float"
    attributes: tuple[Any, ...] = ()

    @property
    def size(self) -> int:
        """How many numbers its value has."""
        size = 1
        for count in self.shape:
            size *= count
        return size


class Graph(NamedTuple):
    """A list of nodes, each after its operands.

    Parameters
    ----------
    nodes : tuple of Node
        In the order of evaluation.
    outputs : tuple of int
        The nodes whose values are wanted.

    Examples
    --------
    >>> from stochinf.density.graph import Builder
    >>> builder = Builder()
    >>> x = builder.input(0, (3,))
    >>> total = builder.add("sum", (builder.elementwise("mul", x, x),), (), attributes=(None,))
    >>> print(builder.graph(total))
    0 input(0) (3,)
    1 mul 0 0 (3,)
    2 sum(None) 1 ()
    outputs 2
    """

    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]

    def leaves(self, op: str) -> dict[Any, Node]:
        """Return the leaves of one operation ("input" or "data") by slot or name."""
        return {node.attributes[0]: node for node in self.nodes if node.op == op}

    def digest(self) -> str:
        """Return a text of 64 hexadecimal digits that two graphs share only if they compute the same in the same way."""
        return hashlib.sha256(str(self).encode()).hexdigest()

    def size(self) -> int:
        """Return the number of nodes, those of the bodies of scans included."""
        bodies: list[Graph] = [node.attributes[0] for node in self.nodes if node.op == "scan"]
        return len(self.nodes) + sum(body.size() for body in bodies)

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def _lines(graph: Graph) -> Iterator[str]:
    """Write a line for every node; bodies of scans are indented."""
    for number, node in enumerate(graph.nodes):
        attributes = [part for part in node.attributes if not isinstance(part, Graph)]
        given = f"({', '.join(map(repr, attributes))})" if attributes else ""
        kind = "" if node.kind == "float" else f" {node.kind}"
        yield " ".join([str(number), node.op + given, *map(str, node.operands), f"{node.shape}{kind}"])
        if node.op == "scan":
            yield from (f"    {line}" for line in _lines(node.attributes[0]))
    yield " ".join(["outputs", *map(str, graph.outputs)])


def owned(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an array of data of its own, of floats or, for whole numbers and truth values, of whole numbers."""
    return np.array(array, np.float64 if array.dtype.kind == "f" else np.int64, order="C")


class Builder:
    """Nodes in the making: equal nodes become one, arithmetic of constants is done at once.

    Parameters
    ----------
    parent : Builder, optional
        The graph around this one, for the body of a scan: what does not change from step to step goes there.

    Attributes
    ----------
    nodes : list of Node
        What has been built.
    captured : dict
        For the body of a scan: node of the parent to the input that stands for it, in the order of their slots.
    arrays : dict
        The data by name, in the outermost graph; float64 or int64.
    ranges : dict
        The least and the largest value of whole numbers, as far as they are known.
    values : dict
        Values of nodes that depend on data alone, where they were looked for; None for others.
    looked : bool
        Whether the values of data were looked at, so that other data may make another graph.
    """

    def __init__(self, parent: Builder | None = None) -> None:
        self.parent = parent
        self.level: int = 0 if parent is None else parent.level + 1
        self.nodes: list[Node] = []
        self.captured: dict[int, int] = {}
        self.outside: dict[int, int] = {}
        self.n_inputs = 0
        self.known: dict[Hashable, int] = {}
        self.arrays: dict[str, npt.NDArray[Any]] = {}
        self.ranges: dict[int, tuple[int, int]] = {}
        self.values: dict[int, npt.NDArray[Any] | None] = {}
        self.looked = False

    def input(self, slot: int, shape: Shape, kind: str = "float") -> int:
        """Add an input; in the body of a scan, before anything is captured."""
        self.n_inputs = max(self.n_inputs, slot + 1)
        return self.add("input", (), shape, kind, (slot,))

    def constant(self, value: float | bool) -> int:
        """Add a number."""
        if isinstance(value, (bool, int)):
            return self.add("constant", (), (), "bool" if isinstance(value, bool) else "int", (value,))
        return self.add("constant", (), (), "float", (float(value),))

    def data(self, name: str, array: npt.NDArray[Any]) -> int:
        """Add an array of floats, whole numbers or truth values (kept as whole numbers); only in the outermost graph.

        Without a name it is called "#0", "#1", ..., equal arrays the same.
        """
        own, kind = owned(array), "float" if array.dtype.kind == "f" else "int"
        name = name or next((other for other in self.arrays if self._is_literal(other, own)), f"#{len(self.arrays)}")
        self.arrays.setdefault(name, own)
        number = self.add("data", (), array.shape, kind, (name,))
        return self.truth(number) if array.dtype.kind == "b" else number

    def _is_literal(self, name: str, array: npt.NDArray[Any]) -> bool:
        """Whether an array without a name of its own has the same bits as another."""
        known = self.arrays[name]
        if not name.startswith("#") or known.dtype != array.dtype or known.shape != array.shape:
            return False
        return np.array_equal(known.view(np.int64), array.view(np.int64))

    def capture(self, outer: int) -> int:
        """Return the node that stands for one of the parent's."""
        if self.parent is None:
            raise TypeError("only the body of a scan captures")
        node = self.parent.nodes[outer]
        if node.op == "constant":
            return self.add(*node)
        if outer not in self.captured:
            self.captured[outer] = number = self.input(self.n_inputs, node.shape, node.kind)
            self.outside[number] = outer
        return self.captured[outer]

    def add(self, op: str, operands: tuple[int, ...], shape: Shape, kind: str = "float", attributes: tuple[Any, ...] = ()) -> int:
        """Add a node, or return its equal; in the body of a scan, one that no step changes goes to the parent."""
        key = (op, operands, shape, kind, repr(attributes) if op == "constant" else attributes)
        number = self.known.get(key)
        if number is None:
            if self.parent is not None and operands and op not in ("scan", "result") and all(map(self.unchanging, operands)):
                number = self.capture(self.parent.add(op, tuple(map(self.lower, operands)), shape, kind, attributes))
            else:
                number = len(self.nodes)
                self.nodes.append(Node(op, operands, shape, kind, attributes))
            self.known[key] = number
        return number

    def unchanging(self, number: int) -> bool:
        """Whether a node of the body of a scan has the same value at every step."""
        return number in self.outside or self.nodes[number].op == "constant"

    def lower(self, number: int) -> int:
        """Return the parent's node for an unchanging one."""
        if number in self.outside or self.parent is None:
            return self.outside[number]
        return self.parent.add(*self.nodes[number])

    def value(self, number: int) -> float | bool | None:
        """Return the number that a node is, or None if it is not a constant."""
        node = self.nodes[number]
        return node.attributes[0] if node.op == "constant" else None

    def elementwise(self, op: str, *operands: int) -> int:
        """Add an elementwise operation: operands are broadcast and converted."""
        values = tuple(map(self.value, operands))
        if None not in values:
            return self.constant(fold(op, values))  # type: ignore[arg-type]
        operands, kind = self.converted(op, operands)
        shape = broadcast_shape(*(self.nodes[operand].shape for operand in operands))
        simple = simplified(self, op, operands, values)
        if simple is not None:
            return self.broadcast(simple, shape)
        wide = tuple(operand if self.nodes[operand].shape == () else self.broadcast(operand, shape) for operand in operands)
        return self.add(op, wide, shape, kind)

    def factored(self, number: int) -> tuple[Any, int]:
        """Return the constant factor of a node, and what it multiplies."""
        node = self.nodes[number]
        if node.op == "neg":
            return -1, node.operands[0]
        factor = self.value(node.operands[0]) if node.op == "mul" else None
        return (1, number) if factor is None or not moderate(factor) else (factor, node.operands[1])

    def scaled(self, factor: float, number: int) -> int:
        """Return a constant times a node."""
        if factor == -1:
            return self.elementwise("neg", number)
        return self.elementwise("mul", self.constant(factor), number)

    def converted(self, op: str, operands: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
        """Return the operands as the kinds that an operation takes, and the kind it gives."""
        rule = ELEMENTWISE[op].kind
        if rule == "logic":
            return tuple(map(self.truth, operands)), "bool"
        first = (self.truth(operands[0]),) if rule == "choose" else ()
        rest = operands[len(first) :]
        if op == "float" or (rule == "compare" and op in ("eq", "ne") and all(self.nodes[o].kind == "bool" for o in rest)):
            return operands, "bool" if rule == "compare" else "float"
        kinds = {self.nodes[operand].kind for operand in rest}
        if rule == "choose" and len(kinds) == 1:
            return first + rest, kinds.pop()
        whole = rule != "float" and kinds == {"int"}
        rest = rest if whole else tuple(map(self.real, rest))
        return first + rest, "bool" if rule == "compare" else "int" if whole else "float"

    def real(self, number: int) -> int:
        """Return a node as float."""
        if self.nodes[number].kind == "float":
            return number
        value = self.value(number)
        return self.add("float", (number,), self.nodes[number].shape) if value is None else self.constant(float(value))

    def truth(self, number: int) -> int:
        """Return a node as bool."""
        return number if self.nodes[number].kind == "bool" else self.elementwise("ne", number, self.constant(0))

    def broadcast(self, number: int, shape: Shape) -> int:
        """Return a node in a shape that its own can be broadcast to."""
        node = self.nodes[number]
        if node.shape == shape:
            return number
        return self.add("broadcast", (number,), shape, node.kind) if len(shape) < 3 else repeated(self, number, shape)

    def graph(self, *outputs: int) -> Graph:
        """Return the graph of some nodes and of what they need."""
        needed = set(outputs)
        for number in range(len(self.nodes) - 1, -1, -1):
            if number in needed:
                needed.update(self.nodes[number].operands)
        kept = {old: new for new, old in enumerate(sorted(needed))}
        nodes = (self.nodes[old] for old in kept)
        return Graph(
            tuple(node._replace(operands=tuple(kept[operand] for operand in node.operands)) for node in nodes),
            tuple(kept[output] for output in outputs),
        )
