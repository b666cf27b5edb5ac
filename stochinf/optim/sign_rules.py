r"""Lion, Rprop and ASGD; their equations are in `stochinf.optim.signs`.

References
----------
Chen, X. et al. (2023). Symbolic discovery of optimization algorithms. NeurIPS, algorithm 2: Lion.
Riedmiller, M. and Braun, H. (1993). A direct adaptive method for faster backpropagation learning: Rprop.
Polyak, B. T. and Juditsky, A. B. (1992). Acceleration of stochastic approximation by averaging. SIAM J. Control Optim. 30: ASGD.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stochinf.engine.convert import convert
from stochinf.engine.errors import StochinfError
from stochinf.optim.adam import decay_formula, decayed
from stochinf.optim.rule import rule
from stochinf.optim.signs import Averaged, BySign, Resilient

__all__ = ["ASGD", "Lion", "Rprop"]


@rule(
    {
        "optax": {"weight_decay": 1e-3},
        "keras": {"learning_rate": 1e-3},
        "textbook": {"learning_rate": 1e-4, "weight_decay": 1.0},
        None: {"beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0},
    },
    OPEN_RATE=1e-3,
)
class Lion(NamedTuple):
    """Lion: steps of one length along the sign of an averaged gradient.

    Parameters
    ----------
    learning_rate : float or schedule
        NaN is 0.001.
    beta1, beta2 : float
        Share of the average in the step; decay of the average.
    weight_decay : float
        Strength of the decay beside the step.
    convention : {None, "optax", "keras", "textbook"}
        Whose default values; the formula is the same in all.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.Lion(0.01).formula()
    'w <- w - rate sign(beta1 m + (1 - beta1) g); m <- beta2 m + (1 - beta2) g'
    """

    learning_rate: Any = math.nan
    beta1: Any = None
    beta2: Any = None
    weight_decay: Any = None
    convention: Any = None

    def as_transform(self) -> Any:
        """Return the transform."""
        return decayed(self, BySign(self.beta1, self.beta2), beside=True)

    def formula(self) -> str:
        """Return the equations."""
        return decay_formula(self, beside=True) + "w <- w - rate sign(beta1 m + (1 - beta1) g); m <- beta2 m + (1 - beta2) g"


@rule({"torch": {"learning_rate": 0.01}, None: {"etas": (0.5, 1.2), "step_sizes": (1e-6, 50.0)}}, OPEN_RATE=0.01)
class Rprop(NamedTuple):
    """Rprop: steps along the sign of the gradient, whose length adapts to how often the sign changes; for whole gradients.

    Parameters
    ----------
    learning_rate : float or schedule
        The first length of each coordinate's step; NaN is 0.01. Later rates of a schedule are not used.
    etas : (float, float)
        What a length is multiplied by when the sign changes, and when it stays.
    step_sizes : (float, float)
        Smallest and largest length.
    convention : {None, "torch"}
        Whose default values.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.Rprop(0.1).etas
    (0.5, 1.2)
    """

    learning_rate: Any = math.nan
    etas: Any = None
    step_sizes: Any = None
    convention: Any = None

    def completed(self) -> Rprop:
        """Check both pairs."""
        etas = convert("Rprop.etas", self.etas, tuple[float, float])
        sizes = convert("Rprop.step_sizes", self.step_sizes, tuple[float, float])
        if not 0 < etas[0] < 1 < etas[1] < math.inf:
            raise StochinfError(f"Rprop: etas = {self.etas!r}; a factor below 1 and one above 1 are needed")
        if not 0 < sizes[0] <= sizes[1] < math.inf:
            raise StochinfError(f"Rprop: step_sizes = {self.step_sizes!r}; two positive lengths in order are needed")
        return self._replace(etas=etas, step_sizes=sizes)

    def as_transform(self) -> Any:
        """Return the transform."""
        return Resilient(*self.etas, *self.step_sizes)

    def formula(self) -> str:
        """Return the equations."""
        return "s <- clip(s eta, step_sizes), eta by whether g keeps its sign (if not, g <- 0); w <- w - s sign(g)"


@rule({"torch": {"learning_rate": 0.01}, None: {"lambd": 1e-4, "alpha": 0.75, "t0": 1e6, "weight_decay": 0.0}}, OPEN_RATE=0.01)
class ASGD(NamedTuple):
    """Averaged SGD as in PyTorch: rates that fall, and an average from step t0 on, in the state's memory.

    Parameters
    ----------
    learning_rate : float or schedule
        NaN is 0.01.
    lambd : float
        Pull towards zero, and how fast the rates fall.
    alpha : float
        Power by which they fall.
    t0 : float
        Step from which on positions are averaged.
    weight_decay : float
        Strength of weight decay, in the gradient.
    convention : {None, "torch"}
        Whose default values.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.ASGD(0.1).alpha
    0.75
    """

    learning_rate: Any = math.nan
    lambd: Any = None
    alpha: Any = None
    t0: Any = None
    weight_decay: Any = None
    convention: Any = None

    def as_transform(self) -> Any:
        """Return the transform."""
        return decayed(self, Averaged(self.lambd, self.alpha, self.t0))

    def formula(self) -> str:
        """Return the equations."""
        rates = "rate_t = rate / (1 + lambd rate (t - 1))^alpha"
        return f"{decay_formula(self)}w <- (1 - lambd rate_t) w - rate_t g, {rates}; a <- a + (w - a) / max(1, t - 1 - t0)"
