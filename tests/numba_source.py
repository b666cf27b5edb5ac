"""The second back end: a graph printed as the source of a numba function, in plain loops, one for each node."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

from stochinf.density.graph import Graph, Node

PREFACE = """
import math
import numba
import numpy as np

inf, nan = math.inf, math.nan
compiled = numba.njit(error_model="numpy")


@compiled
def exp(x):
    return math.exp(x) if x < 709.78 else inf if x == x else x


@compiled
def log(x):
    return math.log(x) if x > 0 else -inf if x == 0 else nan


@compiled
def log1p(x):
    return math.log1p(x) if x > -1 else -inf if x == -1 else nan


@compiled
def sqrt(x):
    return math.sqrt(x) if x >= 0 else nan


@compiled
def sigmoid(x):
    return 1 / (1 + exp(-x)) if x > 0 else exp(x) / (1 + exp(x))


@compiled
def logaddexp(a, b):
    return a if a == b and math.isinf(a) else max(a, b) + log1p(exp(-abs(a - b)))


@compiled
def digamma(x):
    if x <= 0:
        return digamma_positive(1 - x) - math.pi / math.tan(math.pi * x)
    return digamma_positive(x)


@compiled
def digamma_positive(x):
    total = 0.0
    while x < 15:
        total -= 1 / x
        x += 1
    s = 1 / (x * x)
    return total + math.log(x) - 0.5 / x - s * (1 / 12 - s * (1 / 120 - s * (1 / 252 - s * (1 / 240 - s * (1 / 132)))))


@compiled
def trigamma(x):
    total = 0.0
    while x < 25:
        total += 1 / (x * x)
        x += 1
    s = 1 / (x * x)
    return total + 1 / x + s / 2 + s / x * (1 / 6 - s * (1 / 30 - s * (1 / 42 - s * (1 / 30))))


@compiled
def log_ndtr(x):
    if x > 0:
        return math.log1p(-0.5 * math.erfc(x / math.sqrt(2.0)))
    return log(0.5 * math.erfc(-x / math.sqrt(2.0)))


@compiled
def floordiv(a, b):
    return a // b if b != 0 else 0
"""

ELEMENTWISE = {
    "neg": "-{0}",
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "pow": "{0} ** {1}",
    "minimum": "min({0}, {1})",
    "maximum": "max({0}, {1})",
    "sign": "(1.0 if {0} > 0 else -1.0 if {0} < 0 else 0.0)",
    "lt": "{0} < {1}",
    "le": "{0} <= {1}",
    "eq": "{0} == {1}",
    "ne": "{0} != {1}",
    "and": "{0} and {1}",
    "or": "{0} or {1}",
    "not": "not {0}",
    "where": "({1} if {0} else {2})",
    "softplus": "logaddexp(0.0, {0})",
    "rint": "np.rint({0})",
}
OWN = ("exp", "log", "log1p", "sqrt", "sigmoid", "logaddexp", "digamma", "trigamma", "log_ndtr", "floordiv", "abs", "float")
MATH = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "arcsinh": "asinh", "arccosh": "acosh"}
MATH |= {"arctanh": "atanh"}
DTYPES = {"float": "np.float64", "int": "np.int64", "bool": "np.bool_"}
LETTERS = "ijkpqr"


def expression(op: str, operands: list[str]) -> str:
    """An elementwise operation of single numbers."""
    if op in ELEMENTWISE:
        return ELEMENTWISE[op].format(*operands)
    name = op if op in OWN else f"math.{MATH.get(op, op)}"
    return f"{name}({', '.join(operands)})"


class Printer:
    """Lines of a module with one function for a graph, and one for the body of every scan."""

    def __init__(self) -> None:
        self.functions: list[str] = []

    def function(self, graph: Graph, name: str, arguments: list[str]) -> None:
        lines = [line for number, node in enumerate(graph.nodes) for line in self.node(graph, number, node)]
        results = ", ".join(f"v{output}" for output in graph.outputs)
        text = "\n    ".join([f"def {name}({', '.join(arguments)}):", *lines, f"return ({results},)"])
        self.functions.append(f"@compiled\n{text}\n")

    def node(self, graph: Graph, number: int, node: Node) -> Iterator[str]:
        """The lines of one node."""
        out, names = f"v{number}", [f"v{k}" for k in node.operands]
        shapes = [graph.nodes[k].shape for k in node.operands]
        if node.op == "input":
            yield f"{out} = x{node.attributes[0]}"
        elif node.op == "data":
            yield f"{out} = data[{sorted(graph.leaves('data')).index(node.attributes[0])}]{'[()]' if node.shape == () else ''}"
        elif node.op == "constant":
            yield f"{out} = {node.attributes[0]!r}"
        elif node.op == "result":
            yield f"{out} = {names[0]}[{node.attributes[0]}]"
        elif node.op == "scan":
            yield from self.scan(out, node, names, shapes)
        elif node.op == "logsumexp":
            yield from LINES["logsumexp"](node, out, names, shapes)
        elif node.op in LINES:
            yield from LINES[node.op](node, out, names, shapes)
        else:
            yield from loops(node, out, [at(name, shape) for name, shape in zip(names, shapes, strict=True)])

    def scan(self, out: str, node: Node, names: list[str], shapes: list) -> Iterator[str]:
        """A loop that calls the function of the body."""
        body, n_carries, n_sequences, length, reverse = node.attributes
        step = f"step{len(self.functions)}"
        self.functions.append("")
        self.function(body, step, [f"x{k}" for k in range(len(names))])
        carries = [f"{out}_c{k}" for k in range(n_carries)]
        stacks = [f"{out}_s{k}" for k in range(len(body.outputs) - n_carries)]
        for carry, name, shape in zip(carries, names, shapes, strict=False):
            yield f"{carry} = {name}.copy()" if shape else f"{carry} = {name}"
        for stack, output in zip(stacks, body.outputs[n_carries:], strict=True):
            yield f"{stack} = np.empty({(length, *body.nodes[output].shape)})"
        yield f"for t in range({f'{length - 1}, -1, -1' if reverse else length}):"
        rows = [f"{name}[t]" for name in names[n_carries : n_carries + n_sequences]]
        yield f"    {out}_r = {step}({', '.join([*carries, *rows, *names[n_carries + n_sequences :]])})"
        for k, name in enumerate(carries):
            yield f"    {name} = {out}_r[{k}]"
        for k, name in enumerate(stacks, n_carries):
            yield f"    {name}[t] = {out}_r[{k}]"
        yield f"{out} = ({', '.join([*carries, *stacks])},)"


def at(name: str, shape: tuple[int, ...], letters: str = LETTERS) -> str:
    """An element of an array in a loop, or a number."""
    return f"{name}[{', '.join(letters[: len(shape)])}]" if shape else name


def loops(node: Node, out: str, operands: list[str]) -> Iterator[str]:
    """An elementwise node."""
    yield from each(node.shape, out, expression(node.op, operands), node.kind)


def each(shape: tuple[int, ...], out: str, text: str, kind: str = "float", fill: str = "empty") -> Iterator[str]:
    """An array filled by a loop, or a number."""
    if shape == ():
        yield f"{out} = {text}"
        return
    yield f"{out} = np.{fill}({shape}, {DTYPES[kind]})"
    yield from nest(shape, f"{at(out, shape)} = {text}")


def nest(shape: tuple[int, ...], line: str) -> Iterator[str]:
    """A line within loops."""
    for depth, (letter, count) in enumerate(zip(LETTERS, shape, strict=False)):
        yield f"{'    ' * depth}for {letter} in range({count}):"
    yield f"{'    ' * len(shape)}{line}"


Shapes = list[tuple[int, ...]]


def broadcast(node: Node, out: str, names: list[str], shapes: Shapes) -> Iterator[str]:
    own = LETTERS[: len(node.shape)][len(node.shape) - len(shapes[0]) :]
    index = ", ".join("0" if n == 1 else letter for n, letter in zip(shapes[0], own, strict=True))
    yield from each(node.shape, out, f"{names[0]}[{index}]" if shapes[0] else names[0], node.kind)


def reshape(node: Node, out: str, names: list[str], shapes: Shapes) -> Iterator[str]:
    source = f"np.ascontiguousarray({names[0]}).reshape({node.shape})" if shapes[0] else f"np.full({node.shape}, {names[0]})"
    yield f"{out} = {names[0]}[{', '.join('0' * len(shapes[0]))}]" if node.shape == () else f"{out} = {source}"


def places(node: Node) -> str:
    return ", ".join(f"{first} + {step} * {letter}" for (first, step), letter in zip(node.attributes, LETTERS, strict=False))


def embed(node: Node, out: str, names: list[str], shapes: Shapes) -> Iterator[str]:
    yield f"{out} = np.zeros({node.shape})"
    yield from nest(shapes[0], f"{out}[{places(node)}] = {at(names[0], shapes[0])}")


def concatenate(node: Node, out: str, names: list[str], shapes: Shapes) -> Iterator[str]:
    yield f"{out} = np.concatenate(({', '.join(names)},), {node.attributes[0]})"


def gather(node: Node, out: str, names: list[str], shapes: Shapes) -> Iterator[str]:
    letters = LETTERS[: len(node.shape)]
    row, rest = (f"{names[1]}[{letters[0]}]", letters[1:]) if shapes[1] else (names[1], letters)
    yield from each(node.shape, out, f"{names[0]}[{', '.join([row, *rest])}]", node.kind)


def scatter(node: Node, out: str, names: list[str], shapes: Shapes) -> Iterator[str]:
    yield f"{out} = np.zeros({node.shape})"
    letters = LETTERS[: len(shapes[0])]
    row, rest = (f"{names[1]}[{letters[0]}]", letters[1:]) if shapes[1] else (names[1], letters)
    yield from nest(shapes[0], f"{out}[{', '.join([row, *rest])}] += {at(names[0], shapes[0])}")


def reduction(together: str, neutral: str) -> Callable[..., Iterator[str]]:
    def lines(node: Node, out: str, names: list[str], shapes: Shapes) -> Iterator[str]:
        axis = node.attributes[0]
        yield f"{out} = np.full({node.shape}, {neutral})" if node.shape else f"{out} = {neutral}"
        kept = [letter for k, letter in enumerate(LETTERS[: len(shapes[0])]) if axis is not None and k != axis]
        place = f"{out}[{', '.join(kept)}]" if node.shape else out
        yield from nest(shapes[0], f"{place} = {together.format(place, at(names[0], shapes[0]))}")

    return lines


def logsumexp(node: Node, out: str, names: list[str], shapes: Shapes) -> Iterator[str]:
    yield from reduction("logaddexp({0}, {1})", "-inf")(node, out, names, shapes)


def cumsum(node: Node, out: str, names: list[str], shapes: Shapes) -> Iterator[str]:
    axis, reverse = node.attributes
    yield f"{out} = {names[0]}.copy()"
    letters = list(LETTERS[: len(node.shape)])
    here, before = list(letters), list(letters)
    here[axis] = f"{node.shape[axis] - 1} - {letters[axis]}" if reverse else letters[axis]
    before[axis] = f"{here[axis]} {'+' if reverse else '-'} 1"
    step = f"{out}[{', '.join(here)}] += {out}[{', '.join(before)}]"
    yield from nest(node.shape, f"if {letters[axis]} > 0: {step}")


def matmul(node: Node, out: str, names: list[str], shapes: Shapes) -> Iterator[str]:
    first, second = node.attributes
    inner = shapes[0][0] if first else shapes[0][1]
    i, k, j = ("i", "j", "k") if len(shapes[1]) == 1 else ("i", "k", "j")
    a = f"{names[0]}[{k}, {i}]" if first else f"{names[0]}[{i}, {k}]"
    b = f"{names[1]}[{k}]" if len(shapes[1]) == 1 else f"{names[1]}[{j}, {k}]" if second else f"{names[1]}[{k}, {j}]"
    yield f"{out} = np.zeros({node.shape})"
    yield from nest((*node.shape, inner), f"{at(out, node.shape)} += {a} * {b}")


def cholesky(node: Node, out: str, names: list[str], shapes: Shapes) -> Iterator[str]:
    a = names[0]
    yield f"{out} = np.zeros({node.shape})"
    yield f"for i in range({node.shape[0]}):"
    yield "    for j in range(i + 1):"
    yield f"        rest = {a}[i, j] - np.sum({out}[i, :j] * {out}[j, :j])"
    yield f"        {out}[i, j] = sqrt(rest) if i == j else rest / {out}[j, j]"


def solve_triangular(node: Node, out: str, names: list[str], shapes: Shapes) -> Iterator[str]:
    n, (l, b) = node.shape[0], names
    yield f"{out} = {b}.copy()"
    yield f"for i in range({f'{n - 1}, -1, -1' if node.attributes[0] else n}):"
    yield f"    for k in range({f'i + 1, {n}' if node.attributes[0] else 'i'}):"
    yield f"        {out}[i] -= {f'{l}[k, i]' if node.attributes[0] else f'{l}[i, k]'} * {out}[k]"
    yield f"    {out}[i] /= {l}[i, i]"


LINES: dict[str, Callable[..., Iterator[str]]] = {
    "broadcast": broadcast,
    "reshape": reshape,
    "transpose": lambda node, out, names, shapes: each(node.shape, out, f"{names[0]}[j, i]", node.kind),
    "slice": lambda node, out, names, shapes: each(node.shape, out, f"{names[0]}[{places(node)}]", node.kind),
    "embed": embed,
    "concatenate": concatenate,
    "gather": gather,
    "scatter": scatter,
    "tril": lambda node, out, names, shapes: each(
        node.shape, out, f"({names[0]}[i, j] * ({node.attributes[0]!r} if i == j else 1.0) if j <= i else 0.0)"
    ),
    "sum": reduction("{0} + {1}", "0.0"),
    "max": reduction("max({0}, {1})", "-inf"),
    "logsumexp": logsumexp,
    "cumsum": cumsum,
    "matmul": matmul,
    "dot": lambda node, out, names, shapes: iter(
        [f"{out} = 0.0", f"for i in range({shapes[0][0]}):", f"    {out} += {names[0]}[i] * {names[1]}[i]"]
    ),
    "cholesky": cholesky,
    "solve_triangular": solve_triangular,
}


def source(graphs: dict[str, Graph]) -> str:
    """The text of a module with a function for each graph: it takes the position, then a tuple of data in the order of names."""
    texts = []
    for name, graph in graphs.items():
        printer = Printer()
        printer.function(graph, name, ["x0", "data"])
        texts += [text.replace("step", f"{name}_step") for text in printer.functions]
    return PREFACE + "\n\n".join(texts)


def module(graphs: dict[str, Graph], folder: Path) -> ModuleType:
    """Write the module and import it."""
    file = folder / "second_back_end.py"
    file.write_text(source(graphs), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded
