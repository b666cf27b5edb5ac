"""Clusters by union and find, for compiled code: `parent[i] <= i`, and a root is its own parent.

References
----------
Hoshen, J. and Kopelman, R. (1976). Percolation and cluster distribution. Physical Review B 14(8).
Tarjan, R. E. and van Leeuwen, J. (1984). Worst-case analysis of set union algorithms. JACM 31(2) (path halving).
"""

from __future__ import annotations

from typing import Any

from stochinf.engine.jit import helper

__all__ = ["join", "label"]


@helper()
def root(parent: Any, i: int) -> int:
    """Return the root of i, halving the path to it."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@helper()
def join(parent: Any, i: int, j: int) -> None:
    """Make one cluster of those of i and j; the smaller root stays one."""
    a = root(parent, i)
    b = root(parent, j)
    least = min(a, b)
    parent[max(a, b)] = least
    parent[i] = least
    parent[j] = least


@helper()
def label(parent: Any) -> None:
    """Point every member at its root: parents come before their children."""
    for i in range(parent.size):
        parent[i] = parent[parent[i]]
