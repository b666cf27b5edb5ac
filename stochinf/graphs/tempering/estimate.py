"""The log partition function from the terms of bridge sampling that parallel tempering has summed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.lane_statistics import square_error, student_widening
from stochinf.graphs.flat import Floats

__all__ = ["Estimate", "bridge_estimate"]

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
    :math:`\sum_k A_{k a} / \bar A_k - B_{k a} / \bar B_k`, as `stochinf.engine.lane_statistics.lane_statistics` has it
    for the ladders a.

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
    mean = np.einsum("b,brl->r", lengths[full] / lengths.sum(), batches) / terms.shape[2]
    if mean.min(initial=1.0) < UNSEEN:
        return Estimate(np.nan, np.nan)
    logs = np.log(mean)
    influence: Floats = np.einsum("brl,r->bl", terms[full], np.repeat([1.0, -1.0], gaps) / mean)
    square, freedom = square_error(influence[:, None], lengths[full].astype(float))
    error = float(np.sqrt(square[0])) * student_widening(freedom)
    return Estimate(float((centre + logs[:gaps] - logs[gaps:]).sum()), error)
