"""What chains learn from: a graph's arrays, and what was observed."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.parts import part
from stochinf.learning.chains.layout import ChainGraph
from stochinf.learning.chains.steps import MISSING, SEEN, SOFT

__all__ = ["Lesson", "Observed"]

Int16s = npt.NDArray[np.int16]


@part(whole=True)
class Observed(NamedTuple):
    """Observations: of one graph, or rows.

    Attributes
    ----------
    states : int16 (V,)
        Observed state of each variable of one graph, -1 for none.
    soft : float32 (sum of cardinality,)
        Logarithms of the distributions of states that were observed; empty where there are none.
    softly : bool (V,)
        Variables of which a distribution was observed.
    soft_every : int
        Sweeps from one draw of such a variable to the next: more than one where hidden variables must follow.
    given : bool (V,)
        Variables that the model does not describe: free chains keep their observed states too.
    rows : int16 (N, V)
        Rows of states, -1 for missing; none where one graph was observed.
    row_weight : float64 (N,)
        How often each counts, 1 on average.
    goal : float64 (D,)
        Mean statistics of the data; used where `chained` is False.
    chained : bool
        Whether chains complete what was observed; otherwise `goal` says all.
    """

    states: Int16s
    soft: npt.NDArray[np.float32]
    softly: npt.NDArray[np.bool_]
    soft_every: int
    given: npt.NDArray[np.bool_]
    rows: Int16s
    row_weight: npt.NDArray[np.float64]
    goal: npt.NDArray[np.float64]
    chained: bool

    def kinds(self) -> npt.NDArray[np.int8]:
        """Return what is known of each variable of one graph, in the numbers of `stochinf.learning.chains.steps`."""
        kinds = np.where(self.states >= 0, SEEN, MISSING).astype(np.int8)
        kinds[self.softly] = SOFT
        return kinds


@part(whole=True)
class Lesson(NamedTuple):
    """A graph and its data.

    Attributes
    ----------
    graph : ChainGraph
    data : Observed
    """

    graph: ChainGraph
    data: Observed

    @property
    def n_points(self) -> int:
        """Points of the pickers: rows, or blocks of variables of one graph."""
        return len(self.data.rows) or self.graph.n_blocks

    @property
    def dim(self) -> int:
        """Weights that are learnt."""
        return self.data.goal.size

    def variables(self, positions: npt.NDArray[np.float64]) -> dict[str, Any]:
        """Return weights by the name `weights`."""
        return {"weights": positions}
