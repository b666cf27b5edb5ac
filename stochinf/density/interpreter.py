"""Graphs evaluated by numpy, node after node: slow and plain, what compiled code is compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.density.graph import Graph, Node
from stochinf.density.operations import ELEMENTWISE

__all__ = ["evaluate"]

Values = npt.NDArray[Any]


def evaluate(graph: Graph, inputs: Sequence[Any], data: Mapping[str, Any] | None = None) -> list[Values]:
    """Return the values of a graph's outputs.

    Parameters
    ----------
    graph : Graph
        What to evaluate.
    inputs : sequence of array_like
        Values of the inputs, by slot.
    data : mapping, optional
        Values of the data, by name.

    Returns
    -------
    list of ndarray
        One for each output.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.density.interpreter import evaluate
    >>> from stochinf.density.tracing import trace
    >>> graph = trace(lambda x: np.sum(x * x), dim=3).graph
    >>> evaluate(graph, [np.array([1.0, 2.0, 3.0])])
    [array(14.)]
    """
    values: list[Any] = []
    leaves = {"input": inputs, "data": data or {}, "constant": None}
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            if node.op in leaves:
                source: Any = leaves[node.op]
                value = node.attributes[0] if source is None else source[node.attributes[0]]
                values.append(np.asarray(value))
            else:
                values.append(apply(node, [values[operand] for operand in node.operands]))
    return [values[output] for output in graph.outputs]


def apply(node: Node, operands: list[Any]) -> Any:
    """Return the value of a node from those of its operands."""
    if node.op in ELEMENTWISE:
        operation = ELEMENTWISE[node.op]
        if operation.kind == "float":
            operands = [np.asarray(operand, np.float64) for operand in operands]
        return np.asarray(operation.function(*operands))
    return OTHERS[node.op](node, *operands)


def places(node: Node, counts: tuple[int, ...]) -> tuple[Values, ...]:
    """Return the indices that a slice or embedding names, an axis each, for `numpy.ix_`."""
    pairs = zip(node.attributes, counts, strict=True)
    return np.ix_(*(start + step * np.arange(count) for (start, step), count in pairs))


def embed(node: Node, x: Values) -> Values:
    """Return zeros with x in some places."""
    out = np.zeros(node.shape, x.dtype)
    out[places(node, x.shape)] = x
    return out


def scatter(node: Node, x: Values, rows: Values) -> Values:
    """Return zeros to whose rows those of x were added."""
    out = np.zeros(node.shape, x.dtype)
    np.add.at(out, rows, x)
    return out


def tril(node: Node, x: Values) -> Values:
    """Return the lower part, its diagonal times a factor."""
    return np.asarray(np.tril(x, -1) + node.attributes[0] * np.diag(np.diag(x)))


def logsumexp(node: Node, x: Values) -> Values:
    """Return the logarithm of a sum of exponentials; -inf of nothing but -inf."""
    (axis,) = node.attributes
    top = x.max(axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0.0)
    return np.asarray(np.log(np.exp(x - top).sum(axis=axis)) + top.reshape(node.shape))


def cumsum(node: Node, x: Values) -> Values:
    """Return running sums from the beginning or from the end."""
    axis, reverse = node.attributes
    return np.asarray(np.flip(np.flip(x, axis).cumsum(axis), axis) if reverse else x.cumsum(axis))


def matmul(node: Node, a: Values, b: Values) -> Values:
    """Return a product of matrices, each transposed where the attributes say so."""
    first, second = node.attributes
    return np.asarray((a.T if first else a) @ (b.T if second else b))


def cholesky(node: Node, a: Values) -> Values:
    """Return the lower factor; NaN where there is none."""
    try:
        return np.linalg.cholesky(np.tril(a) + np.tril(a, -1).T)
    except np.linalg.LinAlgError:
        return np.full(node.shape, np.nan)


def solve_triangular(node: Node, l: Values, b: Values) -> Values:
    """Return l^-1 b or l^-T b, by substitution."""
    (transpose,) = node.attributes
    n = l.shape[0]
    out = np.array(b, np.float64)
    for i in range(n - 1, -1, -1) if transpose else range(n):
        done = slice(i + 1, n) if transpose else slice(0, i)
        row = l[done, i] if transpose else l[i, done]
        out[i] = (out[i] - row @ out[done]) / l[i, i]
    return out


def scan(node: Node, *operands: Values) -> list[Values]:
    """Return the last carries, then the outputs of all steps."""
    body, n_carries, n_sequences, length, reverse = node.attributes
    carries, rest = list(operands[:n_carries]), operands[n_carries:]
    sequences, captured = rest[:n_sequences], rest[n_sequences:]
    shapes = [body.nodes[output].shape for output in body.outputs[n_carries:]]
    stacks = [np.zeros((length, *shape)) for shape in shapes]
    for step in range(length - 1, -1, -1) if reverse else range(length):
        results = evaluate(body, [*carries, *(sequence[step] for sequence in sequences), *captured])
        carries = results[:n_carries]
        for stack, result in zip(stacks, results[n_carries:], strict=True):
            stack[step] = result
    return [*carries, *stacks]


OTHERS: dict[str, Callable[..., Any]] = {
    "broadcast": lambda node, x: np.broadcast_to(x, node.shape),
    "reshape": lambda node, x: x.reshape(node.shape),
    "transpose": lambda node, x: x.T,
    "slice": lambda node, x: x[places(node, node.shape)],
    "embed": embed,
    "concatenate": lambda node, *parts: np.concatenate(parts, node.attributes[0]),
    "gather": lambda node, x, rows: np.asarray(x[rows]),
    "scatter": scatter,
    "tril": tril,
    "sum": lambda node, x: np.asarray(x.sum(axis=node.attributes[0])),
    "max": lambda node, x: np.asarray(x.max(axis=node.attributes[0])),
    "logsumexp": logsumexp,
    "cumsum": cumsum,
    "matmul": matmul,
    "dot": lambda node, a, b: np.asarray(a @ b),
    "cholesky": cholesky,
    "solve_triangular": solve_triangular,
    "scan": scan,
    "result": lambda node, results: results[node.attributes[0]],
}
"""How numpy computes each operation that is not elementwise."""
