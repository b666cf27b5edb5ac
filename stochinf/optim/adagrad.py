r"""AdaGrad, AdaDelta and RMSProp; their equations are in `stochinf.optim.squares`.

References
----------
Duchi, J., Hazan, E. and Singer, Y. (2011). Adaptive subgradient methods. JMLR 12.
Zeiler, M. D. (2012). ADADELTA: an adaptive learning rate method.
Tieleman, T. and Hinton, G. (2012). Lecture 6.5: RMSProp.
Goodfellow, I., Bengio, Y. and Courville, A. (2016). Deep Learning, algorithms 8.4 to 8.6: "textbook".
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stochinf.optim.adam import decay_formula, decayed
from stochinf.optim.rule import rule
from stochinf.optim.squares import ByAverage, ByDeviation, BySum, ByUnits
from stochinf.optim.transforms import Momentum, chain
from stochinf.optim.velocity import Ahead, HeavyBall, LookAhead

__all__ = ["AdaDelta", "AdaGrad", "RMSProp"]


@rule(
    {
        "torch": {"learning_rate": 0.01},
        "optax": {"initial_accumulator_value": 0.1, "eps": 1e-7},
        "keras": {"learning_rate": 1e-3, "initial_accumulator_value": 0.1, "eps": 1e-7},
        "textbook": {"eps": 1e-7},
        None: {"eps": 1e-10, "initial_accumulator_value": 0.0, "lr_decay": 0.0, "weight_decay": 0.0},
    },
    OPEN_RATE=0.1,
)
class AdaGrad(NamedTuple):
    """AdaGrad: each coordinate's gradient over the root of the sum of its squares.

    Parameters
    ----------
    learning_rate : float or schedule
        NaN is 0.1.
    eps : float
        Added to the root; in "optax" and "keras" under the root.
    initial_accumulator_value : float
        Where the sums start.
    lr_decay : float
        The rate of step t = 1, 2, ... is divided by 1 + (t - 1) lr_decay.
    weight_decay : float
        Strength of weight decay: in the gradient, or beside it in "keras".
    convention : {None, "torch", "optax", "keras", "textbook"}
        Whose formulas and default values; None takes PyTorch's formulas.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.AdaGrad(0.1, convention="optax").formula()
    'G <- G + g^2, from 0.1; w <- w - rate g / sqrt(G + eps)'
    """

    learning_rate: Any = math.nan
    eps: Any = None
    initial_accumulator_value: Any = None
    lr_decay: Any = None
    weight_decay: Any = None
    convention: Any = None

    def as_transform(self) -> Any:
        """Return the transform."""
        inside = self.convention in ("optax", "keras")
        eps_in, eps_out = (self.eps, 0.0) if inside else (0.0, self.eps)
        return decayed(self, BySum(self.initial_accumulator_value, eps_in, eps_out, self.lr_decay))

    def formula(self) -> str:
        """Return the equations."""
        rate = "rate / (1 + (t - 1) lr_decay)" if self.lr_decay else "rate"
        size = "sqrt(G + eps)" if self.convention in ("optax", "keras") else "(sqrt(G) + eps)"
        return f"{decay_formula(self)}G <- G + g^2, from {self.initial_accumulator_value:g}; w <- w - {rate} g / {size}"


@rule(
    {
        "torch": {"learning_rate": 1.0},
        "optax": {},
        "keras": {"learning_rate": 1e-3, "rho": 0.95, "eps": 1e-7},
        "textbook": {"learning_rate": 1.0, "rho": 0.95},
        None: {"rho": 0.9, "eps": 1e-6, "weight_decay": 0.0},
    },
    OPEN_RATE=1.0,
)
class AdaDelta(NamedTuple):
    """AdaDelta: gradients in units of their own size, times the size of the steps so far.

    Parameters
    ----------
    learning_rate : float or schedule
        NaN is 1.
    rho : float
        Decay of both averages.
    eps : float
        Added under both roots.
    weight_decay : float
        Strength of weight decay: in the gradient, or beside it in "keras".
    convention : {None, "torch", "optax", "keras", "textbook"}
        Whose default values; the formula is the same in all.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.AdaDelta().rho, si.optim.AdaDelta(convention="keras").rho
    (0.9, 0.95)
    """

    learning_rate: Any = math.nan
    rho: Any = None
    eps: Any = None
    weight_decay: Any = None
    convention: Any = None

    def as_transform(self) -> Any:
        """Return the transform."""
        return decayed(self, ByUnits(self.rho, self.eps))

    def formula(self) -> str:
        """Return the equations."""
        step = "d = g sqrt(u + eps) / sqrt(v + eps); u <- rho u + (1 - rho) d^2; w <- w - rate d"
        return f"{decay_formula(self)}v <- rho v + (1 - rho) g^2; {step}"


@rule(
    {
        "torch": {"learning_rate": 0.01},
        "optax": {"rho": 0.9, "eps_in_sqrt": True},
        "keras": {"learning_rate": 1e-3, "rho": 0.9, "eps": 1e-7, "eps_in_sqrt": True},
        "textbook": {"rho": 0.9, "eps": 1e-6, "eps_in_sqrt": True},
        None: {
            "rho": 0.99, "eps": 1e-8, "momentum": 0.0, "centered": False, "weight_decay": 0.0, "nesterov": False,
            "bias_correction": False, "eps_in_sqrt": False,
        },
    },
    OPEN_RATE=0.01,
)  # fmt: skip
class RMSProp(NamedTuple):
    """RMSProp: each coordinate's gradient over the root of the average of its squares.

    Parameters
    ----------
    learning_rate : float or schedule
        NaN is 0.01.
    rho : float
        Decay of the average; PyTorch's alpha.
    eps : float
        Added to the root, or under it.
    momentum : float
        Decay of a velocity of the scaled gradients, 0 for none. In "keras" the rate is inside the velocity; so it is in
        "textbook", whose gradient is taken at w + momentum v.
    centered : bool
        Subtract the squared average of the gradient, so that the root is of the variance.
    weight_decay : float
        Strength of weight decay: in the gradient, or beside it in "keras".
    nesterov : bool
        Nesterov's momentum in the form of the libraries.
    bias_correction : bool
        Correct the average of squares for its start from zero.
    eps_in_sqrt : bool
        Add eps under the root; PyTorch does not, optax, Keras and the textbook do.
    convention : {None, "torch", "optax", "keras", "textbook"}
        Whose formulas and default values; None takes PyTorch's formulas.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.RMSProp(0.01, convention="optax").formula()
    'v <- rho v + (1 - rho) g^2; w <- w - rate g / sqrt(v + eps)'
    """

    learning_rate: Any = math.nan
    rho: Any = None
    eps: Any = None
    momentum: Any = None
    centered: Any = None
    weight_decay: Any = None
    nesterov: Any = None
    bias_correction: Any = None
    eps_in_sqrt: Any = None
    convention: Any = None

    def as_transform(self) -> Any:
        """Return the transform."""
        eps_in, eps_out = (self.eps, 0.0) if self.eps_in_sqrt else (0.0, self.eps)
        scaled: Any = ByAverage(self.rho, eps_in, eps_out, float(self.bias_correction))
        if self.centered:
            scaled = ByDeviation(self.rho, eps_in, eps_out)
        return decayed(self, chain(scaled, self._velocity()) if self.momentum else scaled)

    def _velocity(self) -> Any:
        if self.convention == "textbook":
            return LookAhead(self.momentum)
        if self.convention == "keras":
            return HeavyBall(self.momentum)
        return Ahead(self.momentum) if self.nesterov else Momentum(self.momentum)

    def formula(self) -> str:
        """Return the equations."""
        square = "v / (1 - rho^t)" if self.bias_correction else "v"
        averages = "v <- rho v + (1 - rho) g^2; "
        if self.centered:
            square, averages = "v - m^2", averages + "m <- rho m + (1 - rho) g; "
        scaled = f"g / sqrt({square} + eps)" if self.eps_in_sqrt else f"g / (sqrt({square}) + eps)"
        return decay_formula(self) + averages + self._step_formula(scaled)

    def _step_formula(self, scaled: str) -> str:
        if not self.momentum:
            return f"w <- w - rate {scaled}"
        if self.convention in ("keras", "textbook"):
            ahead = ", g at w + momentum b" if self.convention == "textbook" else ""
            return f"b <- momentum b - rate {scaled}; w <- w + b{ahead}"
        step = f"({scaled} + momentum b)" if self.nesterov else "b"
        return f"b <- momentum b + {scaled}; w <- w - rate {step}"
