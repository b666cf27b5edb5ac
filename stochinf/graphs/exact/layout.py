"""Compiled steps of laying a junction tree out: which clique each variable is in, the order of its axes, strides."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import entry

__all__ = ["cut_tables", "factor_strides", "merge_cliques", "message_strides", "order_axes"]

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


@entry
def merge_cliques(order: Int32s, start: Int64s, members: Int32s, rank: Int64s, up: Int64s, chain: Int64s, top: Int64s) -> None:
    """Find the parent `up` of each elimination step, and join steps into maximal cliques.

    The variables next to step i when it goes are those that its parent step, the first of them to go, sees, and that parent
    itself. Where they are all that the parent sees, the parent's clique lies inside that of i: both become one. `chain[i]`
    is the first step of the clique that i belongs to, and `top[first]` its last.
    """
    n = order.size
    for i in range(n):
        rank[order[i]] = i
    for i in range(n):
        chain[i] = -1
    for i in range(n):
        up[i] = -1
        for k in range(start[i], start[i + 1]):
            r = rank[members[k]]
            if up[i] < 0 or r < up[i]:
                up[i] = r
        if chain[i] < 0:
            chain[i] = i
        top[chain[i]] = i
        p = up[i]
        if p >= 0 and chain[p] < 0 and start[p + 1] - start[p] + 1 == start[i + 1] - start[i]:
            chain[p] = chain[i]


@entry
def order_axes(
    parent: Int64s, axis_start: Int64s, residual_start: Int64s, residual: Int32s, near_start: Int64s, near: Int32s,
    axes: Int32s, stamp: Int64s,
) -> None:  # fmt: skip
    """Write the axes of each clique: the residual variables, then the separator's in the order of the parent's axes."""
    for v in range(stamp.size):
        stamp[v] = -1
    for c in range(parent.size - 1, -1, -1):
        at = axis_start[c]
        for k in range(residual_start[c + 1] - 1, residual_start[c] - 1, -1):
            axes[at] = residual[k]
            at += 1
        for k in range(near_start[c], near_start[c + 1]):
            stamp[near[k]] = c
        p = parent[c]
        if p >= 0:
            for k in range(axis_start[p], axis_start[p + 1]):
                if stamp[axes[k]] == c:
                    axes[at] = axes[k]
                    at += 1


@entry
def factor_strides(
    clique: Int64s, scope_start: Int64s, scope: Int32s, stride: Int64s, axis_start: Int64s, axes: Int32s, row: Int64s,
    out: Int64s, level: Int64s,
) -> None:  # fmt: skip
    """Write how far apart in a factor's table the states of each axis of its clique lie: 0 for those not in its scope."""
    for f in range(clique.size):
        c = clique[f]
        first = axis_start[c]
        n = axis_start[c + 1] - first
        for a in range(n):
            out[row[f] + a] = 0
        level[f] = 0
        for k in range(scope_start[f], scope_start[f + 1]):
            for a in range(n):
                if axes[first + a] == scope[k]:
                    out[row[f] + a] = stride[k]
                    level[f] = max(level[f], a + 1)


@entry
def message_strides(
    parent: Int64s, axis_start: Int64s, residual: Int64s, axes: Int32s, size: Int32s, row: Int64s, out: Int64s, level: Int64s
) -> None:
    """Write the strides of the message from each clique over the axes of its parent."""
    for c in range(parent.size):
        p = parent[c]
        level[c] = 0
        if p < 0:
            continue
        first = axis_start[p]
        n = axis_start[p + 1] - first
        step = 1
        left = axis_start[c + 1] - 1
        for a in range(n - 1, -1, -1):
            if left >= axis_start[c] + residual[c] and axes[first + a] == axes[left]:
                out[row[c] + a] = step
                step *= size[axes[first + a]]
                left -= 1
                level[c] = max(level[c], a + 1)
            else:
                out[row[c] + a] = 0


@entry
def cut_tables(axis_start: Int64s, axes: Int32s, size: Int32s, most: int, split: Int64s, stretch: Int64s) -> None:
    """Find the last axes of each table that make stretches of up to `most` cells, or of one axis."""
    for c in range(split.size):
        a = axis_start[c + 1]
        n = 1
        while a > axis_start[c] and (n == 1 or n * size[axes[a - 1]] <= most):
            a -= 1
            n *= size[axes[a]]
        split[c] = a - axis_start[c]
        stretch[c] = n
