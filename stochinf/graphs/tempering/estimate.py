"""The log partition function from the terms of bridge sampling that parallel tempering has summed."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.graphs.flat import Floats

__all__ = ["Estimate", "bridge_estimate"]

FEW_LADDERS = 8
"""Ladders from which on the standard error comes from ladders alone."""

UNSEEN = 1e-7
"""Mean term below which two neighbouring rungs count as having nothing in common."""


class Estimate(NamedTuple):
    """A log partition function (natural logarithm) and its standard error."""

    value: float
    mcse: float


def bridge_estimate(terms: Floats, lengths: npt.NDArray[np.int64], centre: Floats) -> Estimate:
    r"""Return log(Z_K / Z_1) and its standard error.

    .. math:: \log \frac{Z_K}{Z_1} = \sum_k \Big( c_k + \log \bar A_k - \log \bar B_k \Big)

    with the means of the two terms in `stochinf.graphs.tempering.kernel`. The error is that of the linear terms,
    :math:`\sum_k A_{k a} / \bar A_k - B_{k a} / \bar B_k`, between ladders a where there are 8 or more, else between batches of
    all ladders.

    Parameters
    ----------
    terms : float64 (batches, 2 (K - 1), ladders)
        Sums of A, then of B, by batch of sweeps.
    lengths : int64 (batches,)
    centre : float64 (K - 1,)

    Returns
    -------
    Estimate
        NaN where nothing was sampled, or where two rungs had nothing in common.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.graphs.tempering.estimate import bridge_estimate
    >>> bridge_estimate(np.full((1, 2, 8), 50.0), np.array([100]), np.array([1.5]))
    Estimate(value=1.5, mcse=0.0)
    """
    full, gaps = lengths > 0, centre.size
    if not full.any():
        return Estimate(np.nan, np.nan)
    batches = terms[full] / lengths[full][:, None, None]
    weights = lengths[full] / lengths.sum()
    by_ladder = np.einsum("b,brl->rl", weights, batches)
    units = by_ladder if terms.shape[2] >= FEW_LADDERS else np.concatenate(list(batches), axis=1)
    mean = by_ladder.mean(axis=1)
    if mean.min(initial=1.0) < UNSEEN:
        return Estimate(np.nan, np.nan)
    logs = np.log(mean)
    influence: Any = (units / mean[:, None] * np.repeat([1.0, -1.0], gaps)[:, None]).sum(axis=0)
    error = float(influence.std(ddof=1) / np.sqrt(influence.size)) if influence.size > 1 else np.nan
    return Estimate(float((centre + logs[:gaps] - logs[gaps:]).sum()), error)
