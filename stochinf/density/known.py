"""What is known while tracing: values that depend on data alone, and the ranges of whole numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.density.graph import Builder
from stochinf.density.interpreter import apply, evaluate

__all__ = ["UNKNOWN", "int_range", "known"]

LARGEST = 2**62
UNKNOWN = (-LARGEST, LARGEST)


def int_range(builder: Builder, number: int) -> tuple[int, int]:
    """Return the least and the largest value of whole numbers, as far as data, constants and simple arithmetic tell."""
    if number not in builder.ranges:
        builder.ranges[number] = found_range(builder, number)
    return builder.ranges[number]


def found_range(builder: Builder, number: int) -> tuple[int, int]:
    """Look at data, or combine the ranges of operands."""
    node = builder.nodes[number]
    if number in builder.outside and builder.parent is not None:
        return int_range(builder.parent, builder.outside[number])
    values = known(builder, number)
    if values is not None:
        return (int(values.min()), int(values.max())) if values.size else (0, -1)
    if node.op in ("gather", "reshape", "slice", "broadcast", "transpose"):
        return int_range(builder, node.operands[0])
    ranges = [int_range(builder, operand) for operand in node.operands if builder.nodes[operand].kind == "int"]
    if node.op in ("where", "concatenate"):
        return min(low for low, _ in ranges), max(high for _, high in ranges)
    if node.op in ("add", "sub", "mul", "neg", "minimum", "maximum"):
        corners = list(np.meshgrid(*ranges))
        if max(abs(end) for ends in ranges for end in ends) < 2**31:
            values = np.asarray(apply(node, corners))
            return int(values.min()), int(values.max())
    return UNKNOWN


def known(builder: Builder, number: int) -> npt.NDArray[Any] | None:
    """Return the value of a node that depends on data and constants alone, else None."""
    node = builder.nodes[number]
    if node.op == "constant":
        return np.asarray(node.attributes[0])
    if number in builder.outside and builder.parent is not None:
        return known(builder.parent, builder.outside[number])
    if number not in builder.values:
        graph = builder.graph(number)
        moving = builder.parent is not None or any(leaf.op == "input" for leaf in graph.nodes)
        builder.values[number] = None if moving else np.asarray(evaluate(graph, (), builder.arrays)[0])
        builder.looked = builder.looked or not moving
    return builder.values[number]
