"""What an approximation of a posterior is: draws by name, and how far they can be trusted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.diagnostics.summary import Summary, unknown_name
from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError, warn_of_doubt
from stochinf.engine.streams import entropy_of
from stochinf.engine.target import named
from stochinf.vi.oracle import Oracle
from stochinf.vi.smoothing import pareto_smoothed

__all__ = ["Approximation", "warned", "weighed"]

Floats = npt.NDArray[np.float64]

USEFUL, GOOD = 0.7, 0.5
"""Shapes of the tail of the importance ratios up to which weighted means converge at a useful rate, and have a variance."""


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Approximation:
    """A posterior approximation: independent draws, and what importance ratios say of them.

    `a["theta"]` has shape (1, draw, ...), as draws of a run have.

    Parameters
    ----------
    method, target : str
        How it was made, and of what.
    draws : mapping of str to array[1, draw, *event]
        Draws by the names that the target gives.
    positions : ndarray of shape (n, dim)
        Draws of the proposal as free numbers: those above, or what they were chosen from.
    mean, covariance : ndarray
        Of the free numbers: (dim,), and (dim, dim) or, where coordinates are independent, (dim,).
    log_weights : ndarray of shape (n,)
        Their Pareto-smoothed importance weights; the exponentials sum to 1.
    variables : callable
        Turns positions (1, n, dim) into draws by name.
    pareto_k : float
        Shape of their tail: up to 0.5 good, up to 0.7 useful.
    elbo, elbo_error : float
        Evidence lower bound, and its Monte Carlo standard error.
    log_evidence : float
        By importance sampling: log of the integral of the density as it is given.
    gradients, values : int
        How often the gradient and the log density were asked for.
    notes : sequence of str
        What went on.
    dims, coords : mapping
        Names and labels of the dimensions after chain and draw.

    Examples
    --------
    >>> import stochinf as si
    >>> normal = si.density.python_density(lambda x: -0.5 * float(x @ x), dim=2, gradient=lambda x: -x)
    >>> found = si.vi.laplace(normal, draws=500, rng=0)
    >>> found["position"].shape, round(found.log_evidence, 4)
    ((1, 500, 2), 1.8379)
    """

    method: str
    target: str
    draws: Mapping[str, npt.NDArray[Any]]
    positions: Floats
    mean: Floats
    covariance: Floats
    log_weights: Floats
    variables: Callable[[Floats], Mapping[str, npt.NDArray[Any]]]
    pareto_k: float
    elbo: float
    elbo_error: float
    log_evidence: float
    gradients: int = 0
    values: int = 0
    notes: Sequence[str] = ()
    dims: Mapping[str, Sequence[str]] = field(default_factory=dict)
    coords: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """Return the draws of a variable, shape (1, draw, ...)."""
        if name not in self.draws:
            raise unknown_name("variable", name, self.draws)
        return self.draws[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.draws)

    def keys(self) -> list[str]:
        """Return the names of the variables."""
        return list(self.draws)

    @property
    def quality(self) -> str:
        """What the importance ratios say, in words."""
        if math.isnan(self.pareto_k):
            return "too few draws to judge"
        shape = f"Pareto k {self.pareto_k:.2f}"
        if self.pareto_k <= GOOD:
            return f"{shape}, close to the posterior"
        if self.pareto_k <= USEFUL:
            return f"{shape}, useful with its weights"
        return f"{shape}, far from the posterior: trust no spreads or tails"

    def summary(self) -> Summary:
        """Return the table of mean, sd and Monte Carlo error of every scalar of the draws, unweighted."""
        return Summary(self.draws, self.dims, self.coords)

    def resampled(self, draws: int = 1000, rng: Any = None) -> dict[str, npt.NDArray[Any]]:
        """Return draws by the smoothed weights, with replacement, by name; nearer to the posterior where k is below 0.7.

        Parameters
        ----------
        draws : int
            How many.
        rng : int, SeedSequence, Generator or None
        """
        generator = np.random.default_rng(entropy_of(rng))
        chosen = generator.choice(self.log_weights.size, size=counted("draws", draws), p=np.exp(self.log_weights))
        return dict(self.variables(self.positions[np.newaxis, chosen]))

    def starts(self, chains: int, generator: np.random.Generator) -> Floats:
        """Return starting positions for chains, drawn by the weights without replacement, shape (chains, dim)."""
        likely = np.flatnonzero(self.log_weights > -700.0)
        again = likely.size < chains
        weights = np.exp(self.log_weights[likely])
        return np.array(self.positions[generator.choice(likely, size=chains, replace=again, p=weights / weights.sum())])

    def to_arviz(self) -> Any:
        """Return the draws as `arviz.InferenceData` or `xarray.DataTree`."""
        from stochinf.diagnostics.arviz import to_arviz

        stats = {"log_weight": self.log_weights[np.newaxis]}
        attributes = {"method": self.method, "pareto_k": self.pareto_k, "elbo": self.elbo}
        return to_arviz({"posterior": self.draws, "sample_stats": stats}, attrs=attributes, dims=self.dims, coords=self.coords)

    def __repr__(self) -> str:
        lines = [
            f"{self.method} of {self.target}"[:80],
            f"  draws     {next(iter(self.draws.values())).shape[1]:,} of {', '.join(self.draws)}"[:80],
            f"  ELBO      {self.elbo:.4g} +- {self.elbo_error:.2g}; log evidence {self.log_evidence:.4g}",
            f"  quality   {self.quality}",
            f"  cost      {self.gradients:,} gradients, {self.values:,} log densities",
        ]
        return "\n".join([*lines, *(f"  note      {note}" for note in self.notes)])


def weighed(
    method: str, model: Any, oracle: Oracle, positions: Floats, log_proposal: Floats, own: slice = slice(None), **more: Any
) -> Approximation:
    """Return an approximation from draws of a proposal and its log density at them.

    Parameters
    ----------
    method, model, oracle : str, model, Oracle
    positions, log_proposal : ndarray of shape (n, dim) and (n,)
    own : slice
        Those draws that the evidence lower bound is taken over.
    **more : object
        Other fields.

    Raises
    ------
    StochinfError
        If the log density is not finite at any draw.
    """
    ratios = oracle.log_densities(positions) - log_proposal
    top = float(ratios.max())
    if not math.isfinite(top):
        raise StochinfError(f"{method}: the log density is finite at none of {ratios.size} draws; look at the model there")
    log_weights, shape = pareto_smoothed(ratios)
    bound = ratios[own]
    return Approximation(
        method=method, target=repr(model), draws=named(oracle.target, positions[np.newaxis]), positions=positions,
        log_weights=log_weights, variables=lambda given: named(oracle.target, given), pareto_k=shape, elbo=float(bound.mean()),
        elbo_error=_error(bound), log_evidence=top + math.log(np.exp(ratios - top).mean()), gradients=oracle.gradients,
        values=oracle.values, dims=getattr(model, "dims", {}), coords=getattr(model, "coords", {}), **more,
    )  # fmt: skip


def _error(bound: Floats) -> float:
    with np.errstate(over="ignore"):
        return float(bound.std(ddof=1)) / math.sqrt(bound.size) if bound.size > 1 and np.isfinite(bound).all() else math.nan


def warned(made: Approximation) -> Approximation:
    """Return an approximation, after a warning where it is far from the posterior."""
    if made.pareto_k > USEFUL:
        warn_of_doubt(f"{made.method}: {made.quality}; sample, and use this as a start (init=)")
    return made
