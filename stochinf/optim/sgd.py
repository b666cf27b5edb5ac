r"""Stochastic gradient descent, plain, with momentum and with Nesterov's momentum.

With the gradient :math:`g` of the objective at a point, a row or a minibatch, a step is

.. math:: w \leftarrow w - \eta_t \, T(g),

where :math:`T` is a transform such as momentum or a chain of them. A minibatch's gradient is the mean over its rows, all at
the same :math:`w`.

References
----------
Robbins, H. and Monro, S. (1951). A stochastic approximation method. Annals of Mathematical Statistics 22, equation (8).
Bottou, L., Curtis, F. E. and Nocedal, J. (2018). Optimization methods for large-scale machine learning. SIAM Review 60,
algorithm 4.1; theorem 4.7 for rates in proportion to 1/t.
Polyak (1964), Nesterov (1983), Sutskever et al. (2013): see `stochinf.optim.velocity`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stochinf.engine.rates import multiply
from stochinf.engine.schedules import RobbinsMonro
from stochinf.optim.contract import check_transform
from stochinf.optim.rule import rule
from stochinf.optim.shrinkage import Shrink, WeightDecay
from stochinf.optim.transforms import Identity, Momentum, chain, leaves
from stochinf.optim.velocity import Ahead, Dampened, HeavyBall, HeavyBallAhead, LookAhead

__all__ = ["RATES", "SGD", "momentum_share", "rate_from_curvature", "velocity_formula", "velocity_transform"]

RATES: dict[str | None, dict[str, Any]] = {
    "torch": {"learning_rate": 1e-3},
    "optax": {},
    "keras": {"learning_rate": 0.01},
    "textbook": {},
}


@rule({**RATES, None: {"momentum": 0.0, "dampening": 0.0, "nesterov": False, "weight_decay": 0.0}})
class SGD(NamedTuple):
    """Stochastic gradient descent.

    Parameters
    ----------
    learning_rate : float or schedule
        NaN takes it from the data: 1 / L for the largest constant L of a row's gradient; with a penalty l2 it decays as
        eta / (1 + eta l2 t).
    transform : part
        What is done to the gradient before the step: `momentum(0.9)`, `clip(1.0)`, `weight_decay(1e-4)`, or a `chain` of them.
    momentum, dampening : float
        Decay of the velocity, 0 for none; how much less than the first the later gradients count.
    nesterov : bool
        Nesterov's momentum.
    weight_decay : float
        Strength; see `weight_decay` and, for Keras, `shrink`.
    convention : {None, "torch", "optax", "keras", "textbook"}
        Whose formulas and default values; None takes PyTorch's formulas.

    Raises
    ------
    StochinfError
        If a number is out of its range.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 1, 0], l2=0.1)
    >>> rule = si.optim.SGD(0.01, si.optim.momentum(0.9))
    >>> si.minimize(model, rule, stop=si.stop.epochs(200), rng=0).fun < 0.6
    True
    """

    learning_rate: Any = math.nan
    transform: Any = Identity()
    momentum: Any = None
    dampening: Any = None
    nesterov: Any = None
    weight_decay: Any = None
    convention: Any = None

    def completed(self) -> SGD:
        """Check the transform."""
        check_transform("SGD", self.transform)
        return self

    def as_transform(self) -> Any:
        """Return the whole transform."""
        return velocity_transform(self, bool(self.nesterov), self.transform)

    def plain(self) -> bool:
        """Whether nothing stands between gradient and step, and nobody's conventions are asked for."""
        return self.convention is None and isinstance(self.as_transform(), Identity)

    def rate_for(self, target: Any, largest: float) -> Any:
        """Return the rate for the largest Lipschitz constant of a row's gradient."""
        return rate_from_curvature(self, target, largest)

    def formula(self) -> str:
        """Return the equations."""
        turned = "" if isinstance(self.transform, Identity) else "g <- T(g); "
        return turned + velocity_formula(self, bool(self.nesterov))


def velocity_transform(made: Any, nesterov: bool, first: Any = None) -> Any:
    """Return the transform of a rule with momentum, after another one if given."""
    parts = [] if first is None or isinstance(first, Identity) else [first]
    if made.weight_decay > 0:
        parts.append(Shrink(made.weight_decay) if made.convention == "keras" else WeightDecay(made.weight_decay))
    if made.momentum > 0:
        parts.append(_velocity(made, nesterov))
    return chain(*parts) if parts else Identity()


def _velocity(made: Any, nesterov: bool) -> Any:
    if made.convention == "textbook":
        return LookAhead(made.momentum) if nesterov else HeavyBall(made.momentum)
    if made.convention == "keras":
        return HeavyBallAhead(made.momentum) if nesterov else HeavyBall(made.momentum)
    if nesterov:
        return Ahead(made.momentum, made.dampening)
    return Dampened(made.momentum, made.dampening) if made.dampening else Momentum(made.momentum)


def velocity_formula(made: Any, nesterov: bool) -> str:
    """Return the equations of a rule with momentum."""
    before = "g <- g + weight_decay w; " if made.weight_decay and made.convention != "keras" else ""
    if made.weight_decay and made.convention == "keras":
        before = "w <- (1 - rate weight_decay) w; "
    if not made.momentum:
        return before + "w <- w - rate g"
    if made.convention == "textbook":
        return before + f"v <- momentum v - rate g{'(w + momentum v)' if nesterov else ''}; w <- w + v"
    if made.convention == "keras":
        return before + "v <- momentum v - rate g; " + ("w <- w + momentum v - rate g" if nesterov else "w <- w + v")
    kept = "(1 - dampening) g (first step: v <- g)" if made.dampening else "g"
    return before + f"v <- momentum v + {kept}; w <- w - rate {'(g + momentum v)' if nesterov else 'v'}"


def rate_from_curvature(made: Any, target: Any, largest: float) -> Any:
    """Return 1 / L, or the schedule eta / (1 + eta l2 t) from it where there is a penalty, times 1 - momentum."""
    share = momentum_share(made)
    rate = _plain_rate(largest, float(getattr(target, "l2", 0.0)))
    return rate if share == 1.0 else multiply(share, rate)


def momentum_share(made: Any) -> float:
    """Return by how much a velocity asks for smaller rates: 1 - momentum."""
    return math.prod(1.0 - float(leaf.decay) for leaf in leaves(made.as_transform()) if hasattr(leaf, "decay"))


def _plain_rate(largest: float, l2: float) -> Any:
    if not largest > 0:
        return 1.0
    return RobbinsMonro(a=1.0 / l2, b=largest / l2, p=1.0) if l2 > 0 else 1.0 / largest
