r"""Logical functions as a lookup in the number of literals that hold.

A literal is true where its variable has its state. A function of the literals l_1 ... l_n is

.. math:: g(l_1, ..., l_n) = levels[\sum_j step_j l_j],

symmetric ones with steps of 1; those of a head, the last literal, and a body with a step of n for the head, so that the sum tells
both how many of the body hold and whether the head does.

References
----------
Zhang, C. and Re, C. (2014). DimmWitted: a study of main-memory statistical analytics. VLDB 7(12); its factor functions.
Shin, J. et al. (2015). Incremental knowledge base construction using DeepDive. VLDB 8(11), section 2.3 (linear, ratio, logical).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from stochinf.graphs.flat import Floats

__all__ = ["FUNCTIONS", "Function"]


class Function(NamedTuple):
    """A logical function.

    Attributes
    ----------
    code : int
        Its number in the files of DeepDive.
    head : bool
        Whether the last literal is the head of a rule.
    levels : function of the number of literals
        The value by sum of steps: n + 1 of them, or 2 n where there is a head.
    """

    code: int
    head: bool
    levels: Callable[[int], Floats]


def _and(n: int) -> Floats:
    return np.where(np.arange(n + 1) == n, 1.0, -1.0)


def _or(n: int) -> Floats:
    return np.where(np.arange(n + 1) > 0, 1.0, -1.0)


def _equal(n: int) -> Floats:
    return np.where(np.arange(n + 1) % max(n, 1) == 0, 1.0, -1.0)


def _all(n: int) -> Floats:
    return np.where(np.arange(n + 1) == n, 1.0, 0.0)


def _imply(n: int) -> Floats:
    body, head = _rule(n)
    return np.where(body < n - 1, 0.0, np.where(head, 1.0, -1.0))


def _imply_mln(n: int) -> Floats:
    body, head = _rule(n)
    return np.where((body < n - 1) | head, 1.0, 0.0)


def _linear(n: int) -> Floats:
    body, head = _rule(n)
    return head.astype(float) if n == 1 else np.where(head, n - 1.0, n - 1.0 - body)


def _ratio(n: int) -> Floats:
    return np.log2(1.0 + _linear(n))


def _logical(n: int) -> Floats:
    return np.where(_linear(n) > 0, 1.0, 0.0)


def _rule(n: int) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Return how many of the body hold, and whether the head does, by sum."""
    total = np.arange(2 * n)
    return (total % n).astype(float), total >= n


FUNCTIONS: dict[str, Function] = {
    "imply": Function(0, True, _imply),
    "or": Function(1, False, _or),
    "and": Function(2, False, _and),
    "equal": Function(3, False, _equal),
    "istrue": Function(4, False, _and),
    "linear": Function(7, True, _linear),
    "ratio": Function(8, True, _ratio),
    "logical": Function(9, True, _logical),
    "all": Function(12, False, _all),
    "imply_mln": Function(13, True, _imply_mln),
}
"""By name. Values of the functions, b of the n - 1 literals of the body being true and h the head:

- ``and``, ``istrue``: 1 if all literals are true, else -1; ``all`` (AND of categorical variables): 1 or 0;
- ``or``: 1 if any is true, else -1; ``equal``: 1 if all are true or all false, else -1;
- ``imply``: 0 if the body is not true as a whole, else 1 or -1 as the head is true or false;
- ``imply_mln``: 0 if the body is true and the head false, else 1;
- ``linear``: n - 1 if h, else n - 1 - b; ``ratio``: log2(1 + linear); ``logical``: 1 if linear > 0, else 0; of one literal they
  are h, log2(1 + h) and h.
"""
