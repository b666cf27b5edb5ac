r"""Adam, AdamW and AMSGrad; their equations are in `stochinf.optim.moments`.

References
----------
Kingma, D. P. and Ba, J. (2015). Adam: a method for stochastic optimization. ICLR.
Loshchilov, I. and Hutter, F. (2019). Decoupled weight decay regularization. ICLR, algorithm 2.
Reddi, S. J., Kale, S. and Kumar, S. (2018). On the convergence of Adam and beyond. ICLR, algorithm 2.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stochinf.optim.moments import ByMoments, LargestCorrected, LargestRaw
from stochinf.optim.rule import rule
from stochinf.optim.shrinkage import Shrink, WeightDecay
from stochinf.optim.transforms import chain

__all__ = ["MOMENTS", "RATES", "AMSGrad", "Adam", "AdamW", "decayed", "moments_formula"]

MOMENTS = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}
RATES: dict[str | None, dict[str, Any]] = {
    "torch": {"learning_rate": 1e-3},
    "optax": {},
    "keras": {"learning_rate": 1e-3, "eps": 1e-7},
    "textbook": {"learning_rate": 1e-3},
}


@rule({**RATES, None: {**MOMENTS, "amsgrad": False, "eps_root": 0.0}}, OPEN_RATE=1e-3)
class Adam(NamedTuple):
    """Adam: the average gradient over the root of the average square, both corrected for their start from zero.

    Parameters
    ----------
    learning_rate : float or schedule
        NaN is 0.001.
    beta1, beta2 : float
        Decays of the two averages.
    eps : float
        Added to the root; in "keras" before the correction of the second moment (epsilon hat).
    weight_decay : float
        Strength of weight decay: in the gradient, or beside it in "keras".
    amsgrad : bool
        Divide by the largest second moment so far; see `AMSGrad`.
    eps_root : float
        Added under the root.
    convention : {None, "torch", "optax", "keras", "textbook"}
        Whose formulas and default values; None takes PyTorch's formulas.

    Examples
    --------
    >>> import stochinf as si
    >>> rule = si.optim.Adam(0.05)
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 1, 0], l2=0.1)
    >>> si.minimize(model, rule, stop=si.stop.epochs(200), rng=0).fun < 0.6
    True
    """

    learning_rate: Any = math.nan
    beta1: Any = None
    beta2: Any = None
    eps: Any = None
    weight_decay: Any = None
    amsgrad: Any = None
    eps_root: Any = None
    convention: Any = None

    def as_transform(self) -> Any:
        """Return the transform."""
        if self.amsgrad:
            return decayed(self, largest(self, self.eps_root))
        hat = self.convention == "keras"
        made = ByMoments(self.beta1, self.beta2, 0.0 if hat else self.eps, self.eps if hat else 0.0, self.eps_root)
        return decayed(self, made)

    def formula(self) -> str:
        """Return the equations."""
        return moments_formula(self, "amsgrad" if self.amsgrad else "")


@rule(
    {
        "torch": {"learning_rate": 1e-3},
        "optax": {"weight_decay": 1e-4},
        "keras": {"learning_rate": 1e-3, "eps": 1e-7, "weight_decay": 4e-3},
        "textbook": {"learning_rate": 1e-3},
        None: {**MOMENTS, "weight_decay": 1e-2, "amsgrad": False, "eps_root": 0.0},
    },
    OPEN_RATE=1e-3,
)
class AdamW(NamedTuple):
    """Adam with weight decay beside the step: w <- (1 - rate * weight_decay) w.

    Parameters
    ----------
    learning_rate : float or schedule
        NaN is 0.001.
    beta1, beta2, eps : float
        As in `Adam`.
    weight_decay : float
        Strength of the decay.
    amsgrad : bool
        Divide by the largest second moment so far; see `AMSGrad`.
    eps_root : float
        Added under the root.
    convention : {None, "torch", "optax", "keras", "textbook"}
        Whose formulas and default values; None takes PyTorch's.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.AdamW(0.01).weight_decay, si.optim.AdamW(0.01, convention="optax").weight_decay
    (0.01, 0.0001)
    """

    learning_rate: Any = math.nan
    beta1: Any = None
    beta2: Any = None
    eps: Any = None
    weight_decay: Any = None
    amsgrad: Any = None
    eps_root: Any = None
    convention: Any = None

    def as_transform(self) -> Any:
        """Return the transform."""
        plain = Adam(1.0, self.beta1, self.beta2, self.eps, 0.0, self.amsgrad, self.eps_root, self.convention)
        return decayed(self, plain.as_transform(), beside=True)

    def formula(self) -> str:
        """Return the equations."""
        return moments_formula(self, "amsgrad" if self.amsgrad else "", beside=True)


@rule(
    {**RATES, "textbook": {"learning_rate": 1e-3, "bias_correction": False}, None: {**MOMENTS, "bias_correction": True}},
    OPEN_RATE=1e-3,
)
class AMSGrad(NamedTuple):
    """Adam with the largest second moment so far in the place of the present one, so that the rates never grow.

    Parameters
    ----------
    learning_rate : float or schedule
        NaN is 0.001.
    beta1, beta2, eps, weight_decay : float
        As in `Adam`.
    bias_correction : bool
        Correct both averages for their start from zero; "textbook" does not.
    convention : {None, "torch", "optax", "keras", "textbook"}
        Whose formulas and default values. PyTorch and Keras take the largest of the raw averages, optax that of the corrected
        ones; None takes PyTorch's formulas.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.AMSGrad(0.01, convention="optax").formula().split("; ")[2]
    'x <- max(x, v / c2)'
    """

    learning_rate: Any = math.nan
    beta1: Any = None
    beta2: Any = None
    eps: Any = None
    weight_decay: Any = None
    bias_correction: Any = None
    convention: Any = None

    def as_transform(self) -> Any:
        """Return the transform."""
        return decayed(self, largest(self, 0.0, bool(self.bias_correction)))

    def formula(self) -> str:
        """Return the equations."""
        return moments_formula(self, "amsgrad" if self.bias_correction else "uncorrected")


def largest(made: Any, eps_root: float, corrected: bool = True) -> Any:
    """Return AMSGrad's transform."""
    if made.convention in ("optax", "textbook") or not corrected:
        return LargestCorrected(made.beta1, made.beta2, made.eps, eps_root, float(corrected))
    hat = made.convention == "keras"
    return LargestRaw(made.beta1, made.beta2, 0.0 if hat else made.eps, made.eps if hat else 0.0)


def decayed(made: Any, transform: Any, beside: bool = False) -> Any:
    """Return a transform after weight decay, in the gradient or beside the step."""
    if not made.weight_decay:
        return transform
    beside = beside or made.convention == "keras"
    return chain(Shrink(made.weight_decay) if beside else WeightDecay(made.weight_decay), transform)


def decay_formula(made: Any, beside: bool = False) -> str:
    """Return the equation of weight decay, or nothing."""
    if not made.weight_decay:
        return ""
    return "w <- (1 - rate weight_decay) w; " if beside or made.convention == "keras" else "g <- g + weight_decay w; "


def moments_formula(made: Any, largest: str = "", beside: bool = False) -> str:
    """Return the equations of Adam's family."""
    averages = decay_formula(made, beside) + "m <- beta1 m + (1 - beta1) g; v <- beta2 v + (1 - beta2) g^2; "
    if largest == "uncorrected":
        return averages + "x <- max(x, v); w <- w - rate m / (sqrt(x) + eps)"
    size = "v / c2"
    if largest:
        inside = made.convention in ("optax", "textbook")
        averages += "x <- max(x, v / c2); " if inside else "x <- max(x, v); "
        size = "x" if inside else "x / c2"
    if getattr(made, "eps_root", 0.0):
        size += " + eps_root"
    eps = "eps / sqrt(c2)" if made.convention == "keras" else "eps"
    return f"{averages}w <- w - rate (m / c1) / (sqrt({size}) + {eps}), c1 = 1 - beta1^t, c2 = 1 - beta2^t"
