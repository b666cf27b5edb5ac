r"""The diagonal metric from draws and their gradients, in windows; compiled.

The diagonal metric that minimises the Fisher divergence between the whitened density and a normal one is

.. math:: s_i^2 = \sqrt{\operatorname{Var} x_i / \operatorname{Var} \partial_i \log\pi(x)},

which for a normal density is exact from two draws. Two windows of draws run at once: the foreground gives the metric, and when
the background is full it takes the foreground's place, so that early draws are forgotten.

References
----------
Seyboldt, A., Carlson, E. L. and Carpenter, B. (2026). Preconditioning Hamiltonian Monte Carlo by minimising Fisher divergence.
"""

from __future__ import annotations

import math
from typing import Any

from stochinf.engine.jit import helper

__all__ = ["collect", "switch", "update_scale"]

FOREGROUND, BACKGROUND = 0, 4
"""Rows of `moments` where a window begins: mean and squares of the draws, then of the gradients."""

SMALLEST, LARGEST = 1e-20, 1e20


@helper()
def add_to_window(moments: Any, window: int, n: int, position: Any, gradient: Any) -> None:
    """Add a draw, the n-th, to a window (Welford 1962)."""
    share = 1.0 / n
    for i in range(position.size):
        off = position[i] - moments[window, i]
        moments[window, i] += off * share
        moments[window + 1, i] += off * (position[i] - moments[window, i])
        off = gradient[i] - moments[window + 2, i]
        moments[window + 2, i] += off * share
        moments[window + 3, i] += off * (gradient[i] - moments[window + 2, i])


@helper()
def collect(moments: Any, n_foreground: int, n_background: int, position: Any, gradient: Any) -> None:
    """Add a draw to both windows, which then have so many."""
    add_to_window(moments, FOREGROUND, n_foreground, position, gradient)
    add_to_window(moments, BACKGROUND, n_background, position, gradient)


@helper()
def switch(moments: Any) -> None:
    """Let the background take the foreground's place, and empty it."""
    for i in range(moments.shape[1]):
        for k in range(4):
            moments[FOREGROUND + k, i] = moments[BACKGROUND + k, i]
            moments[BACKGROUND + k, i] = 0.0


@helper()
def update_scale(moments: Any, scale: Any) -> None:
    """Write the metric's scale; a coordinate whose ratio is out of bounds keeps its own."""
    for i in range(scale.size):
        ratio = math.sqrt(moments[FOREGROUND + 1, i] / moments[FOREGROUND + 3, i])
        if SMALLEST < ratio < LARGEST:
            scale[i] = math.sqrt(ratio)
