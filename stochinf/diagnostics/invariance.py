r"""Exact starts: draws of the distribution itself must stay draws of it, however often a kernel moves them.

A kernel K leaves :math:`\pi` invariant where :math:`x \sim \pi` and :math:`x' \sim K(x, \cdot)` give :math:`x' \sim \pi`. One
step suffices to show it, without warm-up and without waiting for convergence, and errors of a percent are seen in seconds.

References
----------
Gandy, A. and Scott, J. (2021). Unit testing for MCMC and other Monte Carlo methods. arXiv:2001.06465, section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.diagnostics.moving import Verdict, moved
from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.loop import evaluate
from stochinf.engine.streams import entropy_of
from stochinf.engine.target import as_target, offers

__all__ = ["exact_start"]

Floats = npt.NDArray[np.float64]

FEWEST = 40


def exact_start(
    kernel: Any,
    target: Any,
    draws: npt.ArrayLike,
    steps: int = 10,
    *,
    starts: int | None = None,
    quantities: Callable[[Floats], Mapping[str, npt.ArrayLike]] | None = None,
    rng: Any = None,
    level: float = 1e-6,
) -> Verdict:
    """Test whether a kernel leaves its target as it is, from exact draws of the target.

    The first of the draws are moved; each quantity of the moved draws is compared with that of all others by the
    Kolmogorov-Smirnov test.

    Parameters
    ----------
    kernel : part
        With all its rates given: there is no warm-up.
    target : model or part
        The distribution, by its log density.
    draws : array_like of shape (n, dim)
        Independent exact draws, as positions: free numbers.
    steps : int
        Steps of each.
    starts : int, optional
        How many are moved; half of them by default. Moving takes the time, so give many draws and move few.
    quantities : callable, optional
        From positions (n, dim) to arrays (n,) by name; by default each coordinate, the square of its distance from the mean
        of the draws, and the log density.
    rng : int, SeedSequence, Generator or None
        Of the kernel.
    level : float
        Below which a p-value fails.

    Returns
    -------
    Verdict
        The p-values by quantity, and `passed`.

    Raises
    ------
    StochinfError
        If there are fewer than 40 draws, or the kernel needs what the target has not.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> coin = si.models.CoinBias(6, 4)
    >>> theta = coin.posterior.rvs(1000, random_state=1)
    >>> logits = np.log(theta / (1 - theta))[:, np.newaxis]
    >>> si.diagnostics.exact_start(si.mcmc.Metropolis(1.0), coin, logits, rng=0).passed
    True
    """
    given = np.array(draws, dtype=np.float64)
    if given.ndim != 2 or len(given) < FEWEST:
        raise StochinfError(f"exact_start: draws of shape {given.shape}; at least {FEWEST} rows (n, dim) are needed")
    half = len(given) // 2 if starts is None else min(counted("starts", starts), len(given) - 1)
    part = as_target(target)
    compared = _default(part, given) if quantities is None else quantities
    after = moved(kernel, target, given[:half], counted("steps", steps), entropy_of(rng))
    left, right = compared(after), compared(given[half:])
    from scipy.stats import ks_2samp

    found = {name: ks_2samp(np.asarray(left[name], np.float64), np.asarray(right[name], np.float64)) for name in left}
    return Verdict(
        method="exact start",
        p_values={name: float(result.pvalue) for name, result in found.items()},
        figures={name: float(result.statistic) for name, result in found.items()},
        level=level,
    )


def _default(target: Any, draws: Floats) -> Callable[[Floats], dict[str, Floats]]:
    """Return coordinates, squared distances from the mean, and the log density."""
    centre = draws.mean(axis=0)

    def quantities(positions: Floats) -> dict[str, Floats]:
        columns = {f"x[{k}]": positions[:, k] for k in range(positions.shape[1])}
        squares = {f"(x[{k}] - mean)^2": (positions[:, k] - centre[k]) ** 2 for k in range(positions.shape[1])}
        rows = np.ascontiguousarray(positions)
        lp = {"log density": np.array([evaluate(target, row) for row in rows])} if offers(target, "log_density") else {}
        return {**columns, **squares, **lp}

    return quantities
