"""A first look at many variables: which of them mix worst, by figures that are quick to work out for all at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["suspects"]

MOST_NUMBERS = 50_000_000
"""Numbers beyond which not even a first look is taken."""


def suspects(draws: Mapping[str, NDArray[Any]], labels: Iterable[str], most: int) -> list[str]:
    """Return the labels of the scalars whose half chains disagree most, and of those that move slowest.

    Parameters
    ----------
    draws : mapping of str to array[chain, draw, *event]
    labels : iterable of str
        One for each scalar, in the order of the draws.
    most : int
        How many to return.

    Returns
    -------
    list of str
        In the order of `labels`; empty where there are fewer than four draws, or too many numbers to look at.
    """
    if not draws or sum(array.size for array in draws.values()) > MOST_NUMBERS:
        return []
    if next(iter(draws.values())).shape[1] < 4:
        return []
    figures = [_figures(array.reshape(*array.shape[:2], -1)) for array in draws.values()]
    spread, slow = (np.concatenate(parts) for parts in zip(*figures, strict=True))
    worst = np.union1d(_largest(spread, most - most // 2), _largest(slow, most // 2))
    chosen, names = set(worst.tolist()), []
    for number, label in enumerate(islice(labels, spread.size)):
        if number in chosen:
            names.append(label)
    return names


def _largest(figures: NDArray[np.float64], most: int) -> NDArray[np.intp]:
    """Return the places of the largest figures; what is no number comes last."""
    known = np.where(np.isnan(figures), -np.inf, figures)
    order = np.argsort(-known, kind="stable")[:most]
    return order[known[order] > -np.inf]


def _figures(values: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return, for each column, variance between half chains over variance within, and the correlation of neighbours."""
    n = values.shape[1] // 2
    halves = np.concatenate((values[:, :n], values[:, values.shape[1] - n :])).astype(np.float64)
    with np.errstate(all="ignore"):
        means = halves.mean(axis=1)
        halves -= means[:, np.newaxis]
        within = (halves**2).mean(axis=(0, 1))
        neighbours = (halves[:, 1:] * halves[:, :-1]).mean(axis=(0, 1))
        return means.var(axis=0, ddof=1) / within, neighbours / within
