"""The observer of parallel tempering."""

from __future__ import annotations

from typing import Any, NamedTuple

from stochinf.engine.lane_statistics import LaneStatistics
from stochinf.engine.parts import part
from stochinf.engine.stop import Convergence
from stochinf.graphs.rao_blackwell import RaoBlackwell

__all__ = ["ColdSums"]


@part
class ColdSums(NamedTuple):
    """Totals of the conditionals at beta = 1 and of bridge sampling; convergence is judged by the conditionals alone.

    Parameters
    ----------
    slots : int
        How many rows of the sums are conditionals.
    sums : part
    """

    slots: int = 0
    sums: Any = RaoBlackwell()

    def prepare(self, kernel: Any, target: Any, state: Any, capacity: int) -> ColdSums:
        """Allocate the totals."""
        return ColdSums(int(target.first_slot[-1]), self.sums.prepare(kernel, target, state, capacity))

    def observe(self, target: Any, state: Any) -> None:
        """Note a sweep."""
        self.sums.observe(target, state)

    def snapshot(self, state: Any) -> Any:
        """Return totals, squares and lengths, as `RaoBlackwell` does."""
        return self.sums.snapshot(state)

    def statistics(self, blocks: list[Any]) -> LaneStatistics:
        """Return mean, MCSE, R-hat and ESS of every conditional over the ladders of all blocks."""
        figures = RaoBlackwell.statistics(self, blocks)  # type: ignore[arg-type]
        return LaneStatistics(*(column[: self.slots] for column in figures))

    def convergence(self, blocks: list[Any]) -> Convergence:
        """Return the worst figures over the conditionals."""
        return RaoBlackwell.convergence(self, blocks)  # type: ignore[arg-type]
