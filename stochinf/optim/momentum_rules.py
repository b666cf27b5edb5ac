r"""Gradient descent with momentum, Polyak's and Nesterov's.

The equations of every convention are in `stochinf.optim.velocity`. With a constant rate they all visit the same points, up to
Nesterov's change of variables; where the rate changes, a velocity that has the rate inside it differs.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stochinf.optim.rule import rule
from stochinf.optim.sgd import RATES, rate_from_curvature, velocity_formula, velocity_transform

__all__ = ["Momentum", "MomentumRule", "Nesterov"]

DEFAULTS: dict[str | None, dict[str, Any]] = {**RATES, None: {"momentum": 0.9, "dampening": 0.0, "weight_decay": 0.0}}


@rule(DEFAULTS, NAME="Momentum")
class MomentumRule(NamedTuple):
    """Gradient descent with momentum.

    Parameters
    ----------
    learning_rate : float or schedule
        NaN takes it from the data: that of `SGD`, times 1 - momentum.
    momentum, dampening : float
        Decay of the velocity; how much less than the first the later gradients count.
    weight_decay : float
        Strength; see `weight_decay` and, for Keras, `shrink`.
    convention : {None, "torch", "optax", "keras", "textbook"}
        Whose formulas and default values; None takes PyTorch's formulas. In "keras" and "textbook" the rate is inside the
        velocity.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.Momentum(0.1, convention="textbook").formula()
    'v <- momentum v - rate g; w <- w + v'
    """

    learning_rate: Any = math.nan
    momentum: Any = None
    dampening: Any = None
    weight_decay: Any = None
    convention: Any = None

    def as_transform(self) -> Any:
        """Return the whole transform."""
        return velocity_transform(self, nesterov=False)

    def rate_for(self, target: Any, largest: float) -> Any:
        """Return the rate for the largest Lipschitz constant of a row's gradient."""
        return rate_from_curvature(self, target, largest)

    def formula(self) -> str:
        """Return the equations."""
        return velocity_formula(self, nesterov=False)


@rule(DEFAULTS)
class Nesterov(NamedTuple):
    """Gradient descent with Nesterov's momentum.

    Parameters
    ----------
    learning_rate : float or schedule
        NaN takes it from the data: that of `SGD`, times 1 - momentum.
    momentum, dampening : float
        Decay of the velocity; how much less than the first the later gradients count.
    weight_decay : float
        Strength; see `weight_decay` and, for Keras, `shrink`.
    convention : {None, "torch", "optax", "keras", "textbook"}
        Whose formulas and default values; None takes PyTorch's formulas. In "keras" and "textbook" the rate is inside the
        velocity; "textbook" takes the gradient at w + momentum v.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.Nesterov(0.1, convention="textbook").formula()
    'v <- momentum v - rate g(w + momentum v); w <- w + v'
    """

    learning_rate: Any = math.nan
    momentum: Any = None
    dampening: Any = None
    weight_decay: Any = None
    convention: Any = None

    def as_transform(self) -> Any:
        """Return the whole transform."""
        return velocity_transform(self, nesterov=True)

    def rate_for(self, target: Any, largest: float) -> Any:
        """Return the rate for the largest Lipschitz constant of a row's gradient."""
        return rate_from_curvature(self, target, largest)

    def formula(self) -> str:
        """Return the equations."""
        return velocity_formula(self, nesterov=True)


Momentum = MomentumRule
"""The public name; `stochinf.optim.transforms.Momentum` is the transform inside."""
