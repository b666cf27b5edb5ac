"""Parts of a problem: which configurations a few factors allow, and which of them moves connect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from stochinf.graphs.flat import Int32s
from stochinf.graphs.zeros.problem import Problem
from stochinf.graphs.zeros.rows import classes, joined
from stochinf.graphs.zeros.supports import Int64s

__all__ = ["Moves", "core_table", "listed", "parts_of"]

MOST_FACTORS = 400
MOST_NUMBERS = 2**22
MOST_AROUND = 500


class Moves:
    """Moves of blocks of the problem's variables, and of every variable that is in none; equal questions are answered once."""

    def __init__(self, problem: Problem, blocks: Iterable[Sequence[int]] = ()) -> None:
        self.sizes, self.known = problem.sizes, problem.classes
        self.of: dict[int, list[int]] = {}
        for b, block in enumerate(blocks):
            for i in block if len(block) > 1 else ():
                self.of.setdefault(i, []).append(b)

    @property
    def single(self) -> bool:
        """Whether every move changes one variable."""
        return not self.of

    def columns(self, variables: Int32s) -> list[list[int]]:
        """Return the columns that each move changes."""
        sets: dict[int, list[int]] = {}
        alone = []
        for c, i in enumerate(variables.tolist()):
            for b in self.of.get(i, ()):
                sets.setdefault(b, []).append(c)
            if i not in self.of and self.sizes[i] > 1:
                alone.append([c])
        return [*sets.values(), *alone]

    def classes(self, variables: Int32s, rows: Int32s) -> Int64s:
        """Return the class of each row."""
        columns = self.columns(variables)
        if rows.size > 1000:
            return classes(rows, columns)
        look = (rows.tobytes(), rows.shape, tuple(map(tuple, columns)))
        if look not in self.known:
            self.known[look] = classes(rows, columns)
        return self.known[look]


def listed(problem: Problem, factors: Sequence[int], most: int) -> tuple[Int32s, Int32s] | None:
    """Return the variables of some factors and the rows of their states that all allow; None where there are too many."""
    if len(factors) > MOST_FACTORS:
        return None
    if len(factors) == 1:
        return _listed_once(problem, factors[0], most)
    rows = joined(problem.supports, problem.core, factors, most)
    return None if rows is None or rows[1].size > MOST_NUMBERS else rows


def _listed_once(problem: Problem, f: int, most: int) -> tuple[Int32s, Int32s] | None:
    """List what one factor allows, once for all factors of equal tables."""
    supports = problem.supports
    members = supports.members(f)
    look = (
        supports.allowed[supports.table_start[f] : supports.table_start[f + 1]].tobytes(),
        *(problem.core[supports.first[i] : supports.first[i + 1]].tobytes() for i in members.tolist()),
    )
    if look not in problem.rows:
        rows = joined(supports, problem.core, [f], most)
        problem.rows[look] = None if rows is None else rows[1]
    known = problem.rows[look]
    return None if known is None else (members, known)


def core_table(problem: Problem, f: int) -> npt.NDArray[np.uint8]:
    """Return a factor's table within the core, an axis for each variable of more than one state."""
    supports = problem.supports
    alive = [np.flatnonzero(problem.core[supports.first[i] : supports.first[i + 1]]) for i in supports.members(f).tolist()]
    return supports.tables(f)[np.ix_(*alive)].squeeze()


def parts_of(problem: Problem, factors: list[int]) -> Iterator[list[int]]:
    """Return factors one by one, then those around each of the first variables."""
    around: dict[int, list[int]] = {}
    for f in factors:
        yield [f]
        for i in problem.supports.members(f).tolist():
            if problem.sizes[i] > 1:
                around.setdefault(i, []).append(f)
    yield from (group for group in list(around.values())[:MOST_AROUND] if 1 < len(group) <= 8)
