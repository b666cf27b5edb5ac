"""What the samplers that follow a gradient ask of their arguments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stochinf.engine.rates import checked_rate, is_open
from stochinf.mcmc.adaptation.metric import as_metric
from stochinf.mcmc.starting import checked_acceptance

__all__ = ["aim_of", "checked_arguments", "open_rate"]


def checked_arguments(kernel: Any) -> Any:
    """Return a kernel whose step size, acceptance and metric have been checked.

    Raises
    ------
    StochinfError
        Naming the argument, its value and what is needed.
    """
    name = type(kernel).__name__
    checked_acceptance(kernel)
    if isinstance(kernel.metric, str):
        as_metric(name, kernel.metric, 1)
    metric = np.array(kernel.metric, dtype=np.float64) if isinstance(kernel.metric, (list, np.ndarray)) else kernel.metric
    return kernel._replace(step_size=checked_rate(name, "step_size", kernel.step_size), metric=metric)


def open_rate(kernel: Any) -> Any:
    """Return the rate that goes onto the tape: 1 where warm-up finds the step size, which the state then holds."""
    return 1.0 if is_open(kernel.step_size) else kernel.step_size


def aim_of(kernel: Any, usual: float) -> float:
    """Return the acceptance to aim at, NaN where the step size is given and is to stay."""
    return usual if is_open(kernel.step_size) and math.isnan(kernel.target_acceptance) else float(kernel.target_acceptance)
