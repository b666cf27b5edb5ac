r"""Geweke's joint distribution test: two simulators of parameters and data that must agree.

The first draws parameters from the prior and data given them. The second goes on from one such pair: a kernel moves the
parameters given the data, :math:`\theta' \sim K_y(\theta, \cdot)`, then data are drawn anew, :math:`y' \sim p(\cdot \mid
\theta')`. If the kernel leaves the posterior of every y invariant, both have the joint distribution :math:`p(\theta) p(y \mid
\theta)`; the means of any quantity are compared by

.. math:: z = (\bar g_1 - \bar g_2) \big/ \sqrt{s_1^2 / n + \text{MCSE}_2^2}.

An error in the density, the Jacobian, the simulator or the kernel shows alike.

References
----------
Geweke, J. (2004). Getting it right: joint distribution tests of posterior simulators. JASA 99, section 3.2, equation (15).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.diagnostics.moving import Verdict, moved
from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.statistics import mcse_mean
from stochinf.engine.streams import entropy_of

__all__ = ["geweke"]

Floats = npt.NDArray[np.float64]
Z_LIMIT = 5.0


def geweke(
    kernel: Any,
    prior: Callable[[np.random.Generator], npt.ArrayLike],
    simulate: Callable[[Floats, np.random.Generator], Any],
    posterior: Callable[[Any], Any],
    n: int = 5000,
    *,
    steps: int = 5,
    quantities: Callable[[Floats, Any], npt.ArrayLike] | None = None,
    rng: Any = None,
) -> Verdict:
    """Test a kernel, a density and a simulator against each other.

    Parameters
    ----------
    kernel : part
        With all its rates given: there is no warm-up.
    prior : callable
        From a generator to a position (dim,): free numbers.
    simulate : callable
        From a position and a generator to data.
    posterior : callable
        From data to the target whose log density is that of the position given the data.
    n : int
        Draws of each simulator.
    steps : int
        Steps of the kernel between two data sets.
    quantities : callable, optional
        From a position and data to an array (k,); by default the position and its square.
    rng : int, SeedSequence, Generator or None
        Of everything.

    Returns
    -------
    Verdict
        The z scores are its `figures`; it fails where one is beyond 5 in absolute value.

    Raises
    ------
    StochinfError
        If a quantity is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> def prior(generator):
    ...     theta = generator.beta(2, 3)
    ...     return [np.log(theta / (1 - theta))]
    >>> def simulate(position, generator):
    ...     return generator.binomial(5, 1 / (1 + np.exp(-position[0])))
    >>> def posterior(heads):
    ...     return si.models.CoinBias(heads, 5 - heads, prior=(2, 3))
    >>> si.diagnostics.geweke(si.mcmc.Metropolis(1.5), prior, simulate, posterior, n=500, rng=0).passed
    True
    """
    count, each = counted("n", n, least=10), counted("steps", steps)
    entropy = entropy_of(rng)
    generator = np.random.default_rng(entropy)
    measured = _default if quantities is None else quantities

    def measure(position: Floats, data: Any) -> Floats:
        found = np.atleast_1d(np.asarray(measured(position, data), dtype=np.float64))
        if not np.isfinite(found).all():
            raise StochinfError(f"geweke: a quantity is {found[~np.isfinite(found)][0]} at the position {position}")
        return found

    def drawn() -> tuple[Floats, Any]:
        position = np.atleast_1d(np.asarray(prior(generator), dtype=np.float64))
        return position, simulate(position, generator)

    first = np.array([measure(*drawn()) for _ in range(count)])
    position, data = drawn()
    rows = []
    for k in range(count):
        position = moved(kernel, posterior(data), position[np.newaxis], each, entropy + k)[0]
        data = simulate(position, generator)
        rows.append(measure(position, data))
    return _compared(first, np.array(rows))


def _default(position: Floats, data: Any) -> Floats:
    return np.concatenate([position, position**2])


def _compared(first: Floats, second: Floats) -> Verdict:
    """Return the z scores of the means of two simulations, the second of which has a memory."""
    scores = {}
    for k in range(first.shape[1]):
        error = math.hypot(first[:, k].std(ddof=1) / math.sqrt(len(first)), mcse_mean(second[np.newaxis, :, k]))
        gap = float(first[:, k].mean() - second[:, k].mean())
        scores[f"quantity {k}"] = gap / error if error > 0 else (0.0 if gap == 0 else math.inf)
    p_values = {name: math.erfc(abs(z) / math.sqrt(2.0)) for name, z in scores.items()}
    return Verdict(method="Geweke", p_values=p_values, figures=scores, level=math.erfc(Z_LIMIT / math.sqrt(2.0)))
