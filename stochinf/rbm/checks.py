"""What the estimator is given, checked and put into the engine's terms."""

from __future__ import annotations

import math
import operator
import warnings
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from stochinf.engine.errors import StochinfError
from stochinf.engine.streams import entropy_of

__all__ = ["entropy_from", "look_at_range", "positive_rate", "whole"]


def whole(name: str, value: Any) -> int:
    """Return a count of at least 1."""
    try:
        count = operator.index(value)
    except TypeError:
        raise StochinfError(f"{name} = {value!r}: a whole number is needed") from None
    if isinstance(value, (bool, np.bool_)) or not 1 <= count < 2**31:
        raise StochinfError(f"{name} = {value!r}: a whole number of at least 1 is needed")
    return count


def positive_rate(value: Any) -> Any:
    """Return a positive rate, or a schedule as it is."""
    if hasattr(value, "at"):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, (bool, str)) or not 0 < number < math.inf:
        raise StochinfError(f"learning_rate = {value!r}: a positive finite number or a schedule is needed")
    return number


def entropy_from(random_state: Any) -> int:
    """Return the entropy of a run from scikit-learn's kinds of random state."""
    if isinstance(random_state, np.random.Generator):
        return entropy_of(random_state)
    try:
        generator = check_random_state(random_state)
    except ValueError as error:
        raise StochinfError(
            f"random_state = {random_state!r}: an int from 0 to 2^32 - 1, a RandomState, a Generator or None is needed"
        ) from error
    return int.from_bytes(generator.randint(0, 2**32, 4, dtype=np.uint32).tobytes(), "little")


def look_at_range(X: Any) -> None:
    """Warn where data are no probabilities."""
    values = X.data if hasattr(X, "indptr") else X
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if low < 0.0 or high > 1.0:
        warnings.warn(
            f"RBM: X has values from {low:g} to {high:g}; binary units stand for values from 0 to 1: scale X (MinMaxScaler)"
            " or binarise it",
            UserWarning,
            stacklevel=4,
        )
