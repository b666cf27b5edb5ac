r"""Exact likelihood of a graph with weights, its gradient and its information.

With patterns o of what was observed, N of them,

.. math:: f(w) = -\frac1N \sum_o q_o \big( \log Z_o(w) - \log Z(w) \big) + \frac{\lambda_2}{2} |w|^2,
   \qquad \nabla f = E[T] - E[T \mid o] + \lambda_2 w,

:math:`Z_o` summing over what agrees with o. Parts of the graph that nothing connects are summed out one by one: by listing
all configurations where they are few, else over a junction tree.

References
----------
Koller, D. and Friedman, N. (2009). Probabilistic Graphical Models, sections 20.3.3 and 20.3.4 (hidden variables).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stochinf.engine.errors import GraphError, MemoryLimitError
from stochinf.graphs.flat import Floats, Int64s
from stochinf.graphs.naming import listing
from stochinf.learning.enumerated import Enumerated, enumerable
from stochinf.learning.instances import Instance, instances, learnt_entries
from stochinf.learning.model import Model
from stochinf.learning.observations import Observations
from stochinf.learning.trees import Propagated, tree_cells

__all__ = ["MOST_CELLS", "MOST_PARTS", "ExactLikelihood", "exact_parts"]

MOST_PARTS = 100_000
"""Independent parts that are looked at one by one."""
MOST_CELLS = 5e7
"""Cells of junction trees that one evaluation may fill where the method was left open."""
MOST_VARIABLES = 5000
"""Variables of one part that is looked at for a junction tree where the method was left open."""


def exact_parts(model: Model, observed: Observations, most_cells: float = np.inf) -> list[Instance]:
    """Return the independent parts of a learning problem that can be summed out.

    Raises
    ------
    MemoryLimitError
        If there are too many, or one is too large.
    """
    parts = instances(learnt_entries(model), observed, MOST_PARTS)
    cells = 0.0
    for one in parts:
        if enumerable(one):
            continue
        size = one.entries.cardinality.size
        cells += np.inf if size > MOST_VARIABLES and most_cells < np.inf else tree_cells(one)
        if not cells <= most_cells or cells == np.inf:
            raise MemoryLimitError(f"a part of {size} variables that hang together has too many cells to sum out")
    return parts


class ExactLikelihood:
    """The exact objective of a learning problem: minus the mean log likelihood, plus the l2 penalty.

    Parameters
    ----------
    model : Model
    observed : Observations
    l2 : float
    memory : int, optional
        Bytes that tables may take.
    parts : list of Instance, optional
        From `exact_parts`.

    Raises
    ------
    GraphError
        If what was observed is impossible, or says nothing about any weight.
    MemoryLimitError
        If a part is too large.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.graphs import WeightedGraph
    >>> from stochinf.learning.exact import ExactLikelihood
    >>> from stochinf.learning.model import learning_model
    >>> from stochinf.learning.observations import observations
    >>> coin = WeightedGraph([2], [(0,)], [[None, "w"]])
    >>> data = observations(coin, np.array([[1], [1], [1], [0]]), None, (), None)
    >>> likelihood = ExactLikelihood(learning_model(coin), data)
    >>> likelihood.value(np.log([3.0])).__round__(6), likelihood.gradient(np.log([3.0])).round(12).tolist()
    (0.562335, [0.0])
    """

    def __init__(
        self,
        model: Model,
        observed: Observations,
        l2: float = 0.0,
        memory: int | None = None,
        parts: list[Instance] | None = None,
    ) -> None:
        self.model, self.l2, self.rows = model, l2, observed.total
        parts = exact_parts(model, observed) if parts is None else parts
        self.blocks: list[Any] = [Enumerated(one) if enumerable(one) else Propagated(one, memory) for one in parts]
        for block, one in zip(self.blocks, parts, strict=True):
            if block.impossible is not None:
                raise _impossible(model, one, block.impossible)
        self.dim = model.learnt.size
        self._at: Floats = np.full(self.dim, np.nan)
        self._known: tuple[float, Floats, Floats] = (0.0, np.zeros(0), np.zeros(0))

    @property
    def informed(self) -> Int64s:
        """Learnt weights, by place, that something observed depends on."""
        used = [block.used for block in self.blocks]
        return np.unique(np.concatenate(used)) if used else np.empty(0, np.int64)

    def _evaluate(self, values: Floats) -> tuple[float, Floats, Floats]:
        """Return mean log likelihood and mean statistics of model and data."""
        if not np.array_equal(values, self._at):
            model, data = np.zeros((2, self.dim))
            found = sum(block.evaluate(values, model, data) for block in self.blocks)
            self._at, self._known = np.array(values), (found / self.rows, model / self.rows, data / self.rows)
        return self._known

    def value(self, values: Floats) -> float:
        """Return the objective."""
        return float(-self._evaluate(values)[0] + 0.5 * self.l2 * (values @ values))

    def gradient(self, values: Floats) -> Floats:
        """Return its gradient, float64 (D,)."""
        _, model, data = self._evaluate(values)
        return model - data + self.l2 * values

    def log_likelihood(self, values: Floats) -> float:
        """Return the mean log likelihood of a row."""
        return self._evaluate(values)[0]

    def expectations(self, values: Floats) -> tuple[Floats, Floats]:
        """Return the mean statistics that model and data expect of what was observed, float64 (D,) each."""
        return self._evaluate(values)[1:]

    def information(self, values: Floats) -> Floats:
        """Return the second derivatives of minus the mean log likelihood, without penalty, float64 (D, D)."""
        out = np.zeros((self.dim, self.dim))
        for block in self.blocks:
            block.information(values, out)
        return out / self.rows

    def extremes(self) -> tuple[Floats, Floats]:
        """Return the least and largest mean statistics that as many observations can have, float64 (D,) each."""
        low, high = np.zeros((2, self.dim))
        for block in self.blocks:
            least, most = block.extremes()
            low[block.used] += least
            high[block.used] += most
        return low / self.rows, high / self.rows

    @property
    def complete(self) -> bool:
        """Whether nothing is hidden, so that the objective is convex."""
        return not any(block.rows.size if isinstance(block, Enumerated) else block.hidden for block in self.blocks)


def _impossible(model: Model, instance: Instance, pattern: Any) -> GraphError:
    graph, seen = model.graph, np.flatnonzero(pattern >= 0)
    pairs = [(v, int(pattern[place])) for place, v in zip(seen.tolist(), instance.variables[seen].tolist(), strict=True)]
    states = listing([f"{graph.variables[v]}={graph.labels(v)[s]}" for v, s in pairs])
    return GraphError(
        f"what was observed is impossible: {states} has probability 0, whatever the weights; look at the zeros of the tables, or "
        "take observations away"
    )
