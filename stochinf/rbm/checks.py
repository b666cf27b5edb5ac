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

__all__ = ["checked_weights", "clipped", "entropy_from", "number_between", "positive_rate", "whole"]


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


def number_between(name: str, value: Any, least: float, most: float) -> float:
    """Return a number within bounds."""
    try:
        number = math.nan if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not least <= number <= most or math.isinf(number):
        raise StochinfError(f"{name} = {value!r}: a finite number from {least:g} to {most:g} is needed")
    return number


def clipped(X: Any, low: float, high: float) -> Any:
    """Return X, or a copy with every value between two bounds, after one warning that names the first column and its range."""
    values = X.data if hasattr(X, "indptr") else X
    if not values.size or (low <= values.min() and values.max() <= high):
        return X
    if max(values.max(), -values.min()) > np.finfo(np.float32).max:
        raise StochinfError("X has values too large for float32, in which training works; scale X")
    outside = (values < low) | (values > high)
    if hasattr(X, "indptr"):
        column = int(X.indices[np.argmax(outside)])
        found = values[X.indices == column]
    else:
        column = int(np.argmax(outside.any(axis=0)))
        found = X[:, column]
    warnings.warn(
        f"RBM: column {column} of X has values from {found.min():g} to {found.max():g}; these units take values from {low:g} to"
        f" {high:g}: all of X is clipped to that; scale X (MinMaxScaler), binarise it, or take other units",
        UserWarning,
        stacklevel=5,
    )
    if not hasattr(X, "indptr"):
        return np.clip(X, low, high)
    kept = X.copy()
    np.clip(kept.data, low, high, out=kept.data)
    return kept


def checked_weights(sample_weight: Any, n: int) -> Any:
    """Return what each row counts, float32, or no numbers where all count the same.

    Raises
    ------
    StochinfError
        If it is not one finite number of at least 0 for each row, or all are 0.
    """
    if sample_weight is None:
        return np.empty(0, np.float32)
    try:
        weights = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError):
        weights = np.empty(0)
    if weights.ndim == 0 and weights.size:
        weights = np.full(n, float(weights))
    if weights.shape != (n,) or not np.isfinite(weights).all() or (weights < 0).any() or not weights.sum() > 0:
        raise StochinfError(f"row_weights of shape {weights.shape}: {n} finite numbers of at least 0, not all 0, are needed")
    return weights.astype(np.float32)
