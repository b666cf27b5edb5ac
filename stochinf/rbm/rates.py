r"""The learning rate of a machine for which none is given.

.. math:: \eta_t = \eta_0 \frac{\tau}{\tau + t}, \qquad \eta_0 = (1 - \mu) \min(1, 250 / s), \qquad \tau = \min(500, 10^5 / s),
   \qquad s = \sqrt{n m},

for n visible and m hidden units of few values, momentum :math:`\mu` and step t. A pass over a thousand rows is ten minibatches:
with small steps twenty passes hardly begin. Centred gradients bear large ones, and persistent chains need them to become small in
the end. The rate does not depend on the number of passes, so that training goes on as if there had been no break.

References
----------
Robbins, H. and Monro, S. (1951). A stochastic approximation method. Annals of Mathematical Statistics 22, equation (6).
Tieleman, T. (2008). Training restricted Boltzmann machines using approximations to the likelihood gradient. ICML, section 4.4:
persistent chains with falling rates.
"""

from __future__ import annotations

import math
from typing import Any

from stochinf.engine.decays import RobbinsMonro
from stochinf.engine.rates import is_open
from stochinf.rbm.negative import Fast
from stochinf.rbm.steps import Steady
from stochinf.rbm.units import Spin

__all__ = ["CONSTANT", "with_rate"]

CONSTANT = 0.05
"""Where gradients are not centred, units have real values, weights are fast or an optimiser chooses the steps."""
FIRST, DELAY = (1.0, 250.0), (500.0, 1e5)
"""Most, and most times the square root of visible times hidden units."""


def with_rate(kernel: Any, n_visible: int) -> Any:
    """Return a kernel with a rate, its own or the one chosen here.

    Spins, whose values are twice as far apart, take a quarter for each layer: the same steps of the same machine in other units.

    Parameters
    ----------
    kernel : ContrastiveDivergence
        Its learning rate is NaN where none was given.
    n_visible : int

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.rbm.rates import with_rate
    >>> with_rate(si.rbm.ContrastiveDivergence(100), 64).learning_rate
    RobbinsMonro(a=500.0, b=500.0, p=1.0)
    """
    rate = kernel.learning_rate
    if not is_open(rate):
        return kernel
    layers, steps = (kernel.visible, kernel.hidden), getattr(kernel.transform, "second", kernel.transform)
    bounded = all(math.isfinite(bound) for unit in layers for bound in unit.bounds)
    if not (kernel.centered and bounded and isinstance(steps, Steady)) or isinstance(kernel.chains, Fast):
        return kernel._replace(learning_rate=CONSTANT)
    first, delay = (min(most, scaled / math.sqrt(n_visible * kernel.n_hidden)) for most, scaled in (FIRST, DELAY))
    first *= (1.0 - steps.momentum) * 0.25 ** sum(isinstance(unit, Spin) for unit in layers)
    return kernel._replace(learning_rate=RobbinsMonro(first * delay, delay, 1.0))
