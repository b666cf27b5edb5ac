r"""NAdam, AdaMax and RAdam; their equations are in `stochinf.optim.ahead` and `stochinf.optim.moments`.

References
----------
Dozat, T. (2016). Incorporating Nesterov momentum into Adam. ICLR workshop.
Kingma, D. P. and Ba, J. (2015). Adam: a method for stochastic optimization. ICLR, algorithm 2: AdaMax.
Liu, L. et al. (2020). On the variance of the adaptive learning rate and beyond. ICLR, algorithm 2: RAdam.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stochinf.optim.adam import MOMENTS, decay_formula, decayed
from stochinf.optim.ahead import ByMomentsAhead, ByWarmedMoments
from stochinf.optim.moments import ByLargest, Rectified
from stochinf.optim.rule import rule

__all__ = ["AdaMax", "NAdam", "RAdam"]

AVERAGES = "m <- beta1 m + (1 - beta1) g; v <- beta2 v + (1 - beta2) g^2; "


@rule(
    {
        "torch": {"learning_rate": 2e-3},
        "optax": {},
        "keras": {"learning_rate": 1e-3, "eps": 1e-7, "momentum_decay": 1.0},
        "textbook": {"learning_rate": 2e-3},
        None: {**MOMENTS, "momentum_decay": 4e-3},
    },
    OPEN_RATE=2e-3,
)
class NAdam(NamedTuple):
    """Adam with Nesterov's momentum.

    Parameters
    ----------
    learning_rate : float or schedule
        NaN is 0.002.
    beta1, beta2, eps, weight_decay : float
        As in `Adam`.
    momentum_decay : float
        How fast the momentum warms up, beta1 (1 - 0.96^(t momentum_decay) / 2); in "optax" and "textbook" it is constant, and
        this is not used.
    convention : {None, "torch", "optax", "keras", "textbook"}
        Whose formulas and default values; None takes PyTorch's.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.NAdam(0.01).momentum_decay, si.optim.NAdam(0.01, convention="keras").momentum_decay
    (0.004, 1.0)
    """

    learning_rate: Any = math.nan
    beta1: Any = None
    beta2: Any = None
    eps: Any = None
    weight_decay: Any = None
    momentum_decay: Any = None
    convention: Any = None

    def as_transform(self) -> Any:
        """Return the transform."""
        if self.convention in ("optax", "textbook"):
            return decayed(self, ByMomentsAhead(self.beta1, self.beta2, self.eps, 0.0))
        return decayed(self, ByWarmedMoments(self.beta1, self.beta2, self.eps, self.momentum_decay))

    def formula(self) -> str:
        """Return the equations."""
        size = "(sqrt(v / c2) + eps), c2 = 1 - beta2^t"
        if self.convention in ("optax", "textbook"):
            mixed = "((1 - beta1) g / (1 - beta1^t) + beta1 m / (1 - beta1^(t+1)))"
            return f"{decay_formula(self)}{AVERAGES}w <- w - rate {mixed} / {size}"
        mixed = "((1 - mu_t) g / (1 - P_t) + mu_(t+1) m / (1 - P_(t+1)))"
        warm = "mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2), P_t = mu_1 ... mu_t"
        return f"{decay_formula(self)}{AVERAGES}w <- w - rate {mixed} / {size}, {warm}"


@rule(
    {
        "torch": {"learning_rate": 2e-3},
        "optax": {},
        "keras": {"learning_rate": 1e-3, "eps": 1e-7},
        "textbook": {"learning_rate": 2e-3, "eps": 0.0},
        None: MOMENTS,
    },
    OPEN_RATE=2e-3,
)
class AdaMax(NamedTuple):
    """Adam with a decaying maximum in the place of the average square.

    Parameters
    ----------
    learning_rate : float or schedule
        NaN is 0.002.
    beta1, beta2 : float
        As in `Adam`.
    eps : float
        Added to the absolute gradient; in "keras" to the maximum instead.
    weight_decay : float
        As in `Adam`.
    convention : {None, "torch", "optax", "keras", "textbook"}
        Whose formulas and default values; None takes PyTorch's.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.AdaMax(0.01, convention="keras").formula().split("; ")[1]
    'u <- max(beta2 u, |g|)'
    """

    learning_rate: Any = math.nan
    beta1: Any = None
    beta2: Any = None
    eps: Any = None
    weight_decay: Any = None
    convention: Any = None

    def as_transform(self) -> Any:
        """Return the transform."""
        outside = self.convention == "keras"
        return decayed(self, ByLargest(self.beta1, self.beta2, 0.0 if outside else self.eps, self.eps if outside else 0.0))

    def formula(self) -> str:
        """Return the equations."""
        outside = self.convention == "keras"
        maximum = f"u <- max(beta2 u, |g|{'' if outside else ' + eps'})"
        step = f"w <- w - rate m / ((1 - beta1^t) {'(u + eps)' if outside else 'u'})"
        return f"{decay_formula(self)}m <- beta1 m + (1 - beta1) g; {maximum}; {step}"


@rule(
    {"torch": {"learning_rate": 1e-3}, "optax": {}, "textbook": {"learning_rate": 1e-3, "eps": 0.0}, None: MOMENTS},
    OPEN_RATE=1e-3,
)
class RAdam(NamedTuple):
    """Adam whose first steps, with the second moment still unknown, are those of momentum.

    Parameters
    ----------
    learning_rate : float or schedule
        NaN is 0.001.
    beta1, beta2 : float
        As in `Adam`.
    eps : float
        Added to the root: of v in PyTorch, of v / c2 in optax.
    weight_decay : float
        As in `Adam`.
    convention : {None, "torch", "optax", "textbook"}
        Whose formulas and default values; None takes PyTorch's.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.RAdam(0.01).learning_rate
    0.01
    """

    learning_rate: Any = math.nan
    beta1: Any = None
    beta2: Any = None
    eps: Any = None
    weight_decay: Any = None
    convention: Any = None

    def as_transform(self) -> Any:
        """Return the transform."""
        hat = self.convention in (None, "torch")
        return decayed(self, Rectified(self.beta1, self.beta2, 0.0 if hat else self.eps, self.eps if hat else 0.0))

    def formula(self) -> str:
        """Return the equations."""
        size = "sqrt(c2) / (sqrt(v) + eps)" if self.convention in (None, "torch") else "1 / (sqrt(v / c2) + eps)"
        known = f"rate r_t (m / c1) {size} where rho_t > 5, else w <- w - rate m / c1"
        return f"{decay_formula(self)}{AVERAGES}w <- w - {known}, c1 = 1 - beta1^t, c2 = 1 - beta2^t"
