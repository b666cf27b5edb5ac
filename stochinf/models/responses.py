"""Responses of regression models: labels, classes, real numbers and counts as the user has them, checked.

Messages name the entry that is wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.models.design import demand_unmasked

__all__ = ["binary_labels", "class_labels", "real_responses"]

Floats = npt.NDArray[np.float64]


def binary_labels(name: str, y: Any, n: int) -> tuple[Floats, npt.NDArray[Any]]:
    """Return labels as -1 and +1, and the two classes in order: the first is -1.

    Parameters
    ----------
    name : str
        How messages call the labels.
    y : array-like of shape (n,)
        Two different values: numbers, booleans or strings.
    n : int
        Rows of the features.

    Returns
    -------
    labels : ndarray of shape (n,)
    classes : ndarray of shape (2,)

    Raises
    ------
    StochinfError
        If there are not n labels of exactly two kinds.
    """
    classes, codes = _classes(name, y, n)
    if classes.size != 2:
        raise StochinfError(f"{name}: {_listed(classes)}; two are needed")
    return np.where(codes == 1, 1.0, -1.0), classes


def class_labels(name: str, y: Any, n: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
    """Return labels as 0, ..., k - 1, and the k classes in order; at least two.

    Parameters
    ----------
    name : str
        How messages call the labels.
    y : array-like of shape (n,)
        Numbers, booleans or strings.
    n : int
        Rows of the features.

    Returns
    -------
    codes : ndarray of shape (n,)
    classes : ndarray of shape (k,)

    Raises
    ------
    StochinfError
        If there are not n labels of at least two kinds.
    """
    classes, codes = _classes(name, y, n)
    if classes.size < 2:
        raise StochinfError(f"{name}: {_listed(classes)}; at least two are needed")
    return codes, classes


def real_responses(name: str, y: Any, n: int, least: float = -np.inf) -> Floats:
    """Return responses as float64.

    Parameters
    ----------
    name : str
        How messages call them.
    y : array-like of shape (n,)
        Finite numbers.
    n : int
        Rows of the features.
    least : float
        The smallest that is allowed.

    Raises
    ------
    StochinfError
        If there are not n finite numbers of at least `least`.
    """
    given = _column(name, y, n, "biuf", "numbers")
    values = given.astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(values) | (values < least))
    if wrong.size:
        at_least = f" of at least {least:g}" if np.isfinite(least) else ""
        raise StochinfError(f"{name}[{wrong[0]}] = {values[wrong[0]]}: finite numbers{at_least} are needed")
    return values


def _classes(name: str, y: Any, n: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    given = _column(name, y, n, "biufUS", "numbers or strings")
    if given.dtype.kind == "f" and not np.isfinite(given).all():
        row = int(np.flatnonzero(~np.isfinite(given))[0])
        raise StochinfError(f"{name}[{row}] = {given[row]}: labels are finite")
    classes, codes = np.unique(given, return_inverse=True)
    return classes, codes.astype(np.int64)


def _column(name: str, y: Any, n: int, kinds: str, wanted: str) -> npt.NDArray[Any]:
    """Return responses as an array of shape (n,) of one of the kinds."""
    demand_unmasked(name, y)
    given = np.asarray(y)
    if given.dtype == object:
        given = np.asarray(given.tolist())
    if given.ndim != 1 or given.dtype.kind not in kinds:
        raise StochinfError(f"{name}: shape {given.shape} of {given.dtype}; one label per row is needed, {wanted}")
    if given.size != n:
        raise StochinfError(f"{name}: {given.size} labels for {n} rows of features; one label per row is needed")
    return given


def _listed(classes: npt.NDArray[Any]) -> str:
    shown = ", ".join(str(c) for c in classes[:5]) + (", ..." if classes.size > 5 else "")
    return f"{classes.size} different labels ({shown})"
