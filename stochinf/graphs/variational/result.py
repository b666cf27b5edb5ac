"""The result of a variational method."""

from __future__ import annotations

from typing import NamedTuple

from stochinf.graphs.flat import Floats

__all__ = ["Variational"]


class Variational(NamedTuple):
    """Beliefs, and how far they came.

    Attributes
    ----------
    probabilities : float64 (sum of n_states,)
        Beliefs of the variables, in their order.
    log_partition : float
        The method's estimate of log Z, or its bound.
    converged : bool
        Whether no message entry (belief) changed by more than the tolerance at its last update.
    residual : float
        The largest change.
    sweeps : int
        Updates over the number of factors (variables).
    """

    probabilities: Floats
    log_partition: float
    converged: bool
    residual: float
    sweeps: int
