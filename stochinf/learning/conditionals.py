"""Sums of conditionals as compiled code reads them; equations are in `stochinf.learning.pseudo_likelihood`."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from stochinf.engine.jit import entry
from stochinf.engine.parts import part
from stochinf.graphs.flat import Floats, Int32s, Int64s
from stochinf.learning.terms import Entries
from stochinf.models.batch import member, size_of
from stochinf.models.certificates import Certificate

__all__ = ["PseudoLikelihood"]


@entry
def write_whole(target: Any, position: Floats, out: Floats) -> float:
    """Write the gradient of the whole sum; return its value."""
    return float(target.whole(position, out))


@entry
def whole_value(target: Any, position: Floats) -> float:
    """Return the value of the whole sum."""
    return float(-target.log_density(position) / target.terms())


@part
class PseudoLikelihood(NamedTuple):
    """Minus the mean log pseudo-likelihood, as compiled code reads it; made by `pseudo_likelihood`.

    A point stands for a row and a block of variables: all that are explained, or a single one where one graph was observed.

    Attributes
    ----------
    tables : Entries
         Its `weight_id` counts the weights that are learnt.
    entry_start : int64 (V + 1,)
        Variable i lies in the factors ``entry_factor[entry_start[i]:entry_start[i + 1]]``.
    entry_factor : int32
    entry_stride : int64
        How far apart its states lie in the table of each.
    rows : int32 (N, V)
    scale : float64 (N,)
        Weight of each row; its mean is 1.
    members : int32
        Variables that are explained, block by block.
    block_start : int64 (B + 1,)
    dim : int
        Weights that are learnt.
    l1, l2 : float
    energy, chance, place
        Work space.
    """

    tables: Entries
    entry_start: Int64s
    entry_factor: Int32s
    entry_stride: Int64s
    rows: Int32s
    scale: Floats
    members: Int32s
    block_start: Int64s
    dim: int
    l1: float
    l2: float
    energy: Floats
    chance: Floats
    place: Int64s

    def private(self) -> PseudoLikelihood:
        """Return the same target with work space of its own."""
        return self._replace(energy=np.array(self.energy), chance=np.array(self.chance), place=np.array(self.place))

    @property
    def n_points(self) -> int:
        """Number of terms: rows, or variables of one graph."""
        return len(self.rows) * (self.block_start.size - 1)

    def terms(self) -> int:
        """Return the number of terms."""
        return int(self.rows.shape[0] * (self.block_start.size - 1))

    def start(self, generator: np.random.Generator) -> Floats:
        """Return zeros."""
        return np.zeros(self.dim)

    def lasso(self, j: int) -> float:
        """Return the l1 penalty of a weight."""
        return self.l1

    def look(self, position: Floats, row: int, i: int) -> float:
        """Write log weight and probability of each state of a variable, given the others; return the log of their sum."""
        terms, k = self.tables, self.tables.cardinality[i]
        first, last = self.entry_start[i], self.entry_start[i + 1]
        for s in range(k):
            self.energy[s] = 0.0
        for a in range(first, last):
            f, stride = self.entry_factor[a], self.entry_stride[a]
            e = terms.table_start[f] - stride * self.rows[row, i]
            for p in range(terms.scope_start[f], terms.scope_start[f + 1]):
                e += terms.stride[p] * self.rows[row, terms.scope[p]]
            self.place[a - first] = e
            for s in range(k):
                cell = e + s * stride
                w = terms.weight_id[cell]
                self.energy[s] += terms.base[cell] + (position[w] * terms.feature[cell] if w >= 0 else 0.0)
        highest = self.energy[0]
        for s in range(1, k):
            highest = max(highest, self.energy[s])
        total = 0.0
        for s in range(k):
            self.chance[s] = math.exp(self.energy[s] - highest)
            total += self.chance[s]
        for s in range(k):
            self.chance[s] /= total
        return float(highest + math.log(total))

    def term(self, position: Floats, point: int) -> float:
        """Return minus the log pseudo-likelihood of one point, without its scale."""
        blocks = self.block_start.size - 1
        row, block = point // blocks, point % blocks
        total: float = 0.0
        for m in range(self.block_start[block], self.block_start[block + 1]):
            i = self.members[m]
            total += self.look(position, row, i) - self.energy[self.rows[row, i]]
        return total

    def add_term(self, position: Floats, point: int, scale: float, out: Floats) -> float:
        """Add the gradient of one point, times a scale; return its value without scale."""
        blocks = self.block_start.size - 1
        row, block = point // blocks, point % blocks
        total: float = 0.0
        for m in range(self.block_start[block], self.block_start[block + 1]):
            i = self.members[m]
            whole = self.look(position, row, i)
            total += whole - self.energy[self.rows[row, i]]
            self.add_chances(row, i, scale, out)
        return total

    def add_chances(self, row: int, i: int, scale: float, out: Floats) -> None:
        """Add expected minus observed statistics of one variable."""
        terms, first = self.tables, self.entry_start[i]
        for s in range(terms.cardinality[i]):
            chance = self.chance[s] - (1.0 if s == self.rows[row, i] else 0.0)
            for a in range(first, self.entry_start[i + 1]):
                cell = self.place[a - first] + s * self.entry_stride[a]
                w = terms.weight_id[cell]
                if w >= 0:
                    out[w] += scale * chance * terms.feature[cell]

    def weight(self, point: int) -> float:
        """Return the scale of a point."""
        return self.scale[point // (self.block_start.size - 1)]  # type: ignore[no-any-return]

    def squares(self, position: Floats) -> float:
        """Return the l2 penalty."""
        total = 0.0
        for j in range(self.dim):
            total += position[j] * position[j]
        return 0.5 * self.l2 * total

    def value(self, position: Floats, point: Any) -> float:
        """Return the mean of the terms of a point, plus the l2 penalty."""
        total = 0.0
        for k in range(size_of(point)):
            total += self.weight(member(point, k)) * self.term(position, member(point, k))
        return float(total / size_of(point) + self.squares(position))

    def gradient(self, position: Floats, point: Any, out: Floats) -> None:
        """Write the mean gradient of the terms of a point, plus that of the l2 penalty."""
        for j in range(self.dim):
            out[j] = self.l2 * position[j]
        for k in range(size_of(point)):
            self.add_term(position, member(point, k), self.weight(member(point, k)) / size_of(point), out)

    def whole(self, position: Floats, out: Floats) -> float:
        """Write the gradient of the whole; return its value."""
        n, total = self.terms(), 0.0
        for j in range(self.dim):
            out[j] = self.l2 * position[j]
        for point in range(n):
            scale = self.weight(point)
            total += scale * self.add_term(position, point, scale / n, out)
        return float(total / n + self.squares(position))

    def log_density(self, position: Floats) -> float:
        """Return -n f(w)."""
        n, total = self.terms(), 0.0
        for point in range(n):
            total += self.weight(point) * self.term(position, point)
        return float(-total - n * self.squares(position))

    def objective(self, position: Floats) -> float:
        """Return the value of the whole with both penalties, for Python."""
        where = np.array(position, dtype=np.float64)
        return float(whole_value(self, where) + self.l1 * np.abs(where).sum())

    def full_gradient(self, position: Floats) -> Floats:
        """Return the gradient of the whole without l1, for Python."""
        out = np.empty(self.dim)
        write_whole(self, np.array(position, dtype=np.float64), out)
        return out

    def certificate(self, position: Floats) -> Certificate:
        """Return the norm of the gradient."""
        norm = float(np.linalg.norm(self.full_gradient(position)))
        return Certificate("grad_norm", norm, np.inf, "norm of the gradient; nothing is known that bounds f - min f")

    def row_smoothness(self) -> float:
        """Return a bound of the curvature of one term: a conditional's statistics vary by no more than their largest sums."""
        terms = self.tables
        active = np.where(terms.weight_id >= 0, np.abs(terms.feature), 0.0)
        largest = np.maximum.reduceat(active, terms.table_start[:-1]) if active.size else np.zeros(1)
        sums = np.bincount(np.repeat(np.arange(self.entry_start.size - 1), np.diff(self.entry_start)), largest[self.entry_factor])
        blocks = np.add.reduceat(sums[self.members] ** 2, self.block_start[:-1])
        return float(blocks.max() * self.scale.max()) + self.l2
