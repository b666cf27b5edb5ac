"""What `learn_weights` returns."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import Floats
from stochinf.graphs.naming import quote
from stochinf.learning.model import Model
from stochinf.learning.moments import Moments
from stochinf.learning.question import Answer

__all__ = ["LearntWeights"]

SHOWN = 12
"""Weights that the representation lists."""


class LearntWeights:
    """Weights with their errors, how they were found, and the graph that has them.

    Attributes
    ----------
    weights : dict of name to float
        All weights, fixed ones included.
    se : dict of name to float
        Standard errors by the data: 0 for fixed weights, inf where the data do not determine a weight, NaN where none is known.
    rhat : dict of name to float
        By chains, for the methods that have some; empty else.
    spread : dict of name to float
        Standard deviation that another seed would bring; 0 for methods without chance.
    values : float64 (W,)
        The weights in the order of `graph.weight_names`.
    graph : WeightedGraph or LogicalGraph
        The learnt graph.
    method, reason : str
        Which method, why, and how it ended.
    converged : bool
    history : list of (int, float)
        Steps, and the objective (norm of the gradient, for chains).
    moments : Moments or None
        Statistics of data and model: the convergence test.
    log_likelihood : float
        Mean log likelihood of a row, or of the graph's evidence; log pseudo-likelihood for that method; NaN for chains.
    interrupted : bool
    rng_entropy : int
    """

    def __init__(self, model: Model, answer: Answer, *, method: str, why: str, moments: Moments | None, entropy: int) -> None:
        self.graph: FactorGraph = model.with_values(answer.values)
        self.values: Floats = answer.values
        self.fixed: npt.NDArray[np.bool_] = model.fixed
        self.weights = _named(model, answer.values)
        self.se = _named(model, answer.se)
        self.rhat = {} if answer.rhat is None else _named(model, answer.rhat)
        self.spread = _named(model, np.zeros(model.n_weights) if answer.spread is None else answer.spread)
        self.method, self.converged, self.history = method, answer.converged, answer.history
        self.reason = "; ".join(part for part in (why, answer.reason) if part)
        self.moments, self.log_likelihood = moments, answer.log_likelihood
        self.interrupted, self.rng_entropy = answer.interrupted, entropy

    def __getitem__(self, name: Hashable) -> float:
        """Return one weight."""
        return self.weights[name]

    def table(self) -> list[dict[str, Any]]:
        """Return a row for each weight: name, value, standard error, R-hat, spread, whether it was fixed.

        Examples
        --------
        >>> import stochinf as si
        >>> graph = si.graphs.WeightedGraph([2], [(0,)], [[None, "w"]])
        >>> row = si.learn_weights(graph, [[1], [1], [1], [0]]).table()[0]
        >>> row["name"], round(row["value"], 4), round(row["se"], 4)
        ('w', 1.0986, 1.1547)
        """
        return [
            {
                "name": name,
                "value": self.weights[name],
                "se": self.se[name],
                "rhat": self.rhat.get(name, float("nan")),
                "spread": self.spread[name],
                "fixed": bool(fixed),
            }
            for name, fixed in zip(self.weights, self.fixed, strict=True)
        ]

    def __repr__(self) -> str:
        lines = [f"LearntWeights({len(self.weights)} weights, method={self.method!r}, converged={self.converged})"]
        for row in self.table()[:SHOWN]:
            error = "fixed" if row["fixed"] else f"se {row['se']:.3g}"
            rhat = "" if np.isnan(row["rhat"]) else f", rhat {row['rhat']:.3f}"
            lines.append(f"  {quote(row['name'])}: {row['value']:.6g} ({error}{rhat})")
        if len(self.weights) > SHOWN:
            lines.append(f"  ... ({len(self.weights)} in all)")
        return "\n".join(lines)


def _named(model: Model, values: npt.NDArray[Any]) -> dict[Hashable, float]:
    return dict(zip(model.names, values.tolist(), strict=True))
