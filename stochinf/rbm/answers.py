"""What is answered about the likelihood of a machine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["LogLikelihood", "LogPartition"]


@dataclass(frozen=True, kw_only=True)
class LogPartition:
    """The natural logarithm of a machine's partition function, sum over all visible and hidden states.

    Parameters
    ----------
    value, mcse : float
        Estimate and standard error; 0 where it is exact.
    method, reason : str
        "exact", "ais" or "tempering", and how it went.
    ess : float
        Effective number of particles, (sum w)^2 / sum w^2; infinite where the value is exact.
    reverse : float
        The estimate of particles that are heated from the machine: from above where they start as exact draws; NaN where
        there is none.
    spread : float
        Standard deviation of the log weights.
    warnings : tuple of str
        What to know before trusting the number.
    facts : mapping
        `temperatures`, `particles`, `base` and what else the method tells.
    seconds : float
    rng_entropy : int

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> round(si.RBM.from_arrays(np.zeros((3, 2)), np.zeros(2), np.zeros(3)).log_partition().value, 4)
    3.4657
    """

    value: float
    mcse: float
    method: str
    reason: str
    ess: float = math.inf
    reverse: float = math.nan
    spread: float = 0.0
    warnings: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)
    seconds: float = field(default=0.0, repr=False)
    rng_entropy: int = field(default=0, repr=False)

    @property
    def exact(self) -> bool:
        """Whether nothing was estimated."""
        return self.method == "exact"


@dataclass(frozen=True, kw_only=True)
class LogLikelihood:
    """Mean log likelihood of rows, in nats.

    Parameters
    ----------
    value, mcse : float
        Mean over the rows, and its error from that of the partition function; the rows are taken as they are.
    standard_error : float
        Of the mean as that of a population the rows are drawn from, from their spread alone.
    binarisation : str
        How the rows came to be 0 and 1: likelihoods of differently binarised data do not compare.
    rows : int
    partition : LogPartition
        What the value rests on.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> rbm = si.RBM.from_arrays(np.zeros((3, 2)), np.zeros(2), np.zeros(3))
    >>> round(rbm.log_likelihood([[0, 1]]).value, 6)
    -1.386294
    """

    value: float
    mcse: float
    standard_error: float
    binarisation: str
    rows: int
    partition: LogPartition = field(repr=False)
