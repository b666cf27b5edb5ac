"""Layers of binary units in compiled code: probability, uniform number and comparison in one pass over the activations.

Column j of a layer draws from lane j of a set of small generators, so that the pass over a row becomes vector code and
what is drawn does not depend on how rows are dealt to batches of work.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.random import lane_uniform
from stochinf.graphs.lanes import LOG2_E, exp2

__all__ = ["draw", "draw_in_place", "logistic", "squared_difference"]

Singles = npt.NDArray[np.float32]
Words = npt.NDArray[np.uint32]


@helper(reorder=True)
def logistic(x: Any) -> Any:
    """Return 1 / (1 + exp(-x)) in single precision, to 4e-7 relative for |x| < 87."""
    return np.float32(1.0) / (np.float32(1.0) + exp2(np.float32(-LOG2_E * x)))


@helper(reorder=True)
def draw(layer: Singles, bias: Singles, words: Words, out: Singles) -> None:
    """Turn activations into probabilities and draw units from them."""
    for i in range(layer.shape[0]):
        for j in range(layer.shape[1]):
            p = logistic(np.float32(layer[i, j] + bias[j]))
            layer[i, j] = p
            out[i, j] = np.float32(1.0) if lane_uniform(words, j) < p else np.float32(0.0)


@helper(reorder=True)
def draw_in_place(layer: Singles, bias: Singles, words: Words) -> None:
    """Replace activations by units drawn from their probabilities."""
    for i in range(layer.shape[0]):
        for j in range(layer.shape[1]):
            p = logistic(np.float32(layer[i, j] + bias[j]))
            layer[i, j] = np.float32(1.0) if lane_uniform(words, j) < p else np.float32(0.0)


@helper(reorder=True)
def squared_difference(first: Singles, second: Singles) -> np.float64:
    """Return the sum of squared differences."""
    total = np.float64(0.0)
    for i in range(first.shape[0]):
        row = np.float32(0.0)
        for j in range(first.shape[1]):
            difference = np.float32(first[i, j] - second[i, j])
            row = np.float32(row + difference * difference)
        total += np.float64(row)
    return total
