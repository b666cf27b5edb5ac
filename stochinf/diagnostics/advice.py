r"""What stands against trusting a run, in plain words, each with the names it is about and a remedy.

The energy of Hamiltonian samplers is judged by the estimated fraction of its variance that a step renews,

.. math:: \text{E-BFMI} = \frac{\sum_t (E_t - E_{t-1})^2}{\sum_t (E_t - \bar E)^2},

chain by chain; below 0.3 the momentum explores the energies too slowly. Where divergences lie is told by the variable whose
ranks among all draws are most one-sided at the divergent ones.

References
----------
Betancourt, M. (2016). Diagnosing suboptimal cotangent disintegrations in Hamiltonian Monte Carlo. arXiv:1604.00695, section 3.
Vehtari, A. et al. (2021). Rank-normalization, folding, and localization: an improved R-hat. Bayesian Analysis 16.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from stochinf.diagnostics.run import Run
    from stochinf.engine.statistics import SummaryRow

__all__ = ["bfmi", "counted", "doubts", "warnings"]

Floats = NDArray[np.float64]
RHAT_LIMIT = 1.01
ESS_LIMIT = 400
BFMI_LIMIT = 0.3
NOISE_LIMIT = 0.1
DEEP_SHARE = 0.01
"""Share of trajectories cut at their greatest length from which that is worth a word."""
ONE_SIDED = 4.0
"""Standard errors by which ranks at divergences must be off the middle before a variable is named."""
SHOWN = 3
FEWEST = 20
"""Draws of a chain below which nothing is said of what did not move."""
SERIOUS = 1000
"""Draws in all below which nobody is surprised that they are few."""


def warnings(run: Run) -> list[str]:
    """Say in plain words what stands against trusting a run, each with its remedy."""
    return [*_course(run), *_divergences(run), *_trajectories(run), *_batches(run), *_mixing(run), *_stillness(run)]


def doubts(run: Run) -> list[str]:
    """Return those warnings that are news to who asked for so many draws, none of a run that was broken off."""
    if run.interrupted or not run.draws:
        return []
    found = [*_divergences(run), *_trajectories(run)]
    first = next(iter(run.draws.values()))
    if first.shape[0] * first.shape[1] >= SERIOUS:
        found += [*_batches(run), *_mixing(run), *_stillness(run)]
    return found


def bfmi(energy: ArrayLike) -> Floats:
    """Return the E-BFMI of each chain, NaN where the energy is constant or holds fewer than two draws.

    Parameters
    ----------
    energy : array_like of shape (chain, draw)
        Hamiltonian at the start of each draw, `run.stats["energy"]`.

    Returns
    -------
    ndarray of shape (chain,)
        About 1 where a step renews the energy; below 0.3 is too little.

    References
    ----------
    Betancourt (2016), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> fresh = np.random.default_rng(0).normal(size=(2, 4000))
    >>> np.round(si.diagnostics.bfmi(np.stack([fresh[0], fresh[1].cumsum()])), 1)
    array([2., 0.])
    """
    values = np.atleast_2d(np.asarray(energy, dtype=np.float64))
    with np.errstate(invalid="ignore", divide="ignore"):
        moves = (np.diff(values, axis=1) ** 2).sum(axis=1)
        return np.asarray(moves / ((values - values.mean(axis=1, keepdims=True)) ** 2).sum(axis=1))


def counted(n: int, noun: str) -> str:
    """Return a number with its noun in the singular or the plural."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{n:,} {noun if n == 1 else plural}"


def _course(run: Run) -> Iterator[str]:
    if run.interrupted:
        yield "interrupted: the draws up to then are here, fewer than asked for"
    if run.nonfinite:
        yield f"{counted(run.nonfinite, 'log density')} not finite, each counted as a rejection; check the target there"


def _divergences(run: Run) -> Iterator[str]:
    at = np.asarray(run.stats.get("diverging", np.zeros(0))) > 0
    n = int(at.sum())
    if not n:
        return
    where = _one_sided(run, at)
    place = f", most where {where}" if where else ""
    yield (
        f"{counted(n, 'divergence')} after warm-up{place}; parts of the posterior may be missed there: take smaller steps"
        " (a higher target_acceptance) or another parametrisation (non-centred where a scale is small)"
    )


def _one_sided(run: Run, at: NDArray[np.bool_]) -> str:
    """Return where trajectories diverge: the scalar whose ranks there, among all draws, are furthest to one side."""
    best, text = ONE_SIDED, ""
    for label, values, place in _scalars(run, 200):
        name = place[0]
        there = run.divergences[name][(slice(None), *place[1:])] if name in run.divergences else values[at]
        if np.ptp(values) == 0.0 or not there.size:
            continue
        ordered = np.sort(values, axis=None)
        ranks = (np.searchsorted(ordered, there) + np.searchsorted(ordered, there, side="right")) / (2.0 * ordered.size)
        off = (float(ranks.mean()) - 0.5) * math.sqrt(12.0 * there.size)
        if abs(off) > best:
            side = "large" if off > 0 else "small"
            best = abs(off)
            text = f"{label} is {side} (median {np.median(there):.3g} where they begin, {np.median(ordered):.3g} of all draws)"
    return text


def _trajectories(run: Run) -> Iterator[str]:
    cut = np.asarray(run.stats.get("reached_max_treedepth", np.zeros(1))) > 0
    if cut.size and cut.mean() > DEEP_SHARE:
        yield (
            f"{cut.mean():.0%} of the trajectories were cut at the greatest tree depth; the draws are right but dear: let it be"
            " larger, or rescale or rewrite the parameters"
        )
    if "energy" not in run.stats or np.asarray(run.stats["energy"]).shape[1] < 2 * FEWEST:
        return
    fractions = bfmi(run.stats["energy"])
    low = np.flatnonzero(fractions < BFMI_LIMIT)
    if low.size:
        yield (
            f"E-BFMI is {np.nanmin(fractions):.2f} in {_chains(low)}, below {BFMI_LIMIT}: the energy is explored slowly, tails"
            " may be missed; look for heavy tails or a funnel, and write the model in other parameters"
        )


def _batches(run: Run) -> Iterator[str]:
    """Compare the noise of minibatches with that which a stochastic-gradient sampler injects."""
    share = np.asarray(run.stats.get("batch_noise", np.zeros(1)))
    worst = float(share[~np.isnan(share)].max(initial=0.0))
    if worst > NOISE_LIMIT:
        yield (
            f"minibatches add {worst:.2g} times the noise that is injected, so the draws may spread too far (predicted_bias"
            " tells how far): take smaller steps, larger batches, or estimator=ControlVariates()"
        )


def _mixing(run: Run) -> Iterator[str]:
    rows = run.judged
    apart = sorted(((row.r_hat, label) for label, row in rows if row.r_hat > RHAT_LIMIT), reverse=True)
    if apart:
        rhat, label = apart[0]
        yield f"chains disagree: R-hat is {rhat:.3f} for {label}, above {RHAT_LIMIT}{_others(apart)}; run longer"
    few = sorted((_ess(row), label) for label, row in rows if _ess(row) < ESS_LIMIT)
    if few:
        ess, label = few[0]
        yield f"few effective draws: {ess:.0f} for {label}, below {ESS_LIMIT}{_others(few)}; run longer"


def _ess(row: SummaryRow) -> float:
    return min(row.ess_bulk, row.ess_tail)


def _others(found: Sequence[tuple[float, str]]) -> str:
    """Name the next of several offenders."""
    names = [label for _, label in found[1 : 1 + SHOWN]]
    more = len(found) - 1 - len(names)
    return f" (also {', '.join(names)}{f' and {more} more' if more > 0 else ''})" if names else ""


def _stillness(run: Run) -> Iterator[str]:
    """Name real variables that never move, chains that never move, and a density that is the same everywhere."""
    frozen: list[str] = []
    stuck: set[int] = set()
    moved = False
    for label, values, _ in _scalars(run, 1000):
        if values.shape[1] < FEWEST or values.dtype.kind != "f":
            continue
        still = np.ptp(values, axis=1) == 0.0
        moved = moved or not still.all()
        if np.ptp(values) == 0.0:
            frozen += [label] * (values.flat[0] not in (0.0, 1.0))
        elif still.any() and not still.all():
            stuck.update(np.flatnonzero(still).tolist())
    if stuck:
        yield f"{_chains(sorted(stuck))} never moved; start elsewhere (init=), or with smaller steps"
    if frozen:
        more = f" and {len(frozen) - SHOWN} more" if len(frozen) > SHOWN else ""
        yield f"constant in every draw: {', '.join(frozen[:SHOWN])}{more}; the density may not depend on what should move it"
    lp = np.asarray(run.stats.get("lp", np.zeros((1, 0))))
    if moved and lp.shape[1] >= FEWEST and np.ptp(lp) == 0.0:
        yield "the log density is the same at every draw: it is flat, and improper where parameters have no bounds"


def _scalars(run: Run, most: int) -> Iterator[tuple[str, NDArray[Any], tuple[Any, ...]]]:
    """Go through the first scalars of the draws: label, values (chain, draw), name and place of each."""
    places = ((name, *place) for name, array in run.draws.items() for place in np.ndindex(*array.shape[2:]))
    for label, (name, *place) in islice(zip(run.summary(), places, strict=True), most):
        yield label, run.draws[name][(slice(None), slice(None), *place)], (name, *place)


def _chains(numbers: Sequence[int] | NDArray[np.intp]) -> str:
    texts = [str(int(number)) for number in numbers]
    return f"chain {texts[0]}" if len(texts) == 1 else f"chains {', '.join(texts)}"
