r"""The gauge of units of several states: adding a number to all states of a unit changes nothing that can be seen.

Weights and biases of a visible group are given with sum zero over its states; hidden biases take what the weights lose:
:math:`c_j \leftarrow c_j + \sum_i \bar W_{ij}`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stochinf.rbm.parameters import Parameters
from stochinf.rbm.units_choice import Softmax

__all__ = ["without_gauge"]


def without_gauge(kernel: Any, parameters: Parameters) -> Parameters:
    """Return the parameters of the same distribution with sums of zero over the states of every visible unit."""
    if not isinstance(kernel.visible, Softmax):
        return parameters
    weights, visible_bias, hidden_bias, log_precision = parameters
    states = kernel.visible.n_states
    groups = weights.reshape(-1, states, weights.shape[1]).astype(np.float64)
    means = groups.mean(axis=1, keepdims=True)
    biases = visible_bias.reshape(-1, states).astype(np.float64)
    return Parameters(
        (groups - means).reshape(weights.shape),
        (biases - biases.mean(axis=1, keepdims=True)).ravel(),
        hidden_bias + means.sum(axis=(0, 1)),
        log_precision,
    )
