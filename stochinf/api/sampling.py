"""`sample`: draws from a target."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

from stochinf.api.running import Checkpoint, run
from stochinf.api.starts import starts
from stochinf.diagnostics.advice import doubts
from stochinf.diagnostics.run import Run
from stochinf.engine.convert import counted
from stochinf.engine.driver import Report
from stochinf.engine.errors import DensityError, StochinfError, warn_of_doubt
from stochinf.engine.stop import Rule
from stochinf.engine.streams import entropy_of
from stochinf.engine.target import as_target, check_kernel, check_yield, offers

__all__ = ["sample"]

SHAPED = 200
"""Dimensions up to which random-walk Metropolis learns the shape of its proposals, which takes their square."""


def sample(
    target: Any,
    draws: int | None = 1000,
    warmup: int | None = None,
    chains: int = 4,
    *,
    kernel: Any = "auto",
    thin: int = 1,
    picker: Any = None,
    schedule: Any = None,
    init: Any = None,
    threads: int | None = None,
    executor: Executor | None = None,
    stop: Rule | None = None,
    rng: Any = None,
    progress: bool | None = None,
    checkpoint: Checkpoint = None,
    callback: Callable[[Report], Any] | None = None,
    keep_warmup: bool = False,
) -> Run:
    """Draw from a target.

    Parameters
    ----------
    target : model or part
        With a log density, for example `stochinf.Density(log_density, params={...})` or `stochinf.models.CoinBias(62, 38)`.
    draws : int, optional
        Draws per chain, after warm-up and thinning; None where `stop` ends the run.
    warmup : int, optional
        Updates of warm-up, not kept; as many as `draws` by default, at most 1000.
    chains : int
        Independent chains.
    kernel : part or "auto"
        The sampler. "auto" takes the no-U-turn sampler where the target has a gradient, else random-walk Metropolis that
        learns the shape of its proposals.
    thin : int
        Updates per draw.
    picker, schedule : optional
        As in `stochinf.run`.
    init : array, dict, list of dicts, "pathfinder", "laplace" or an approximation, optional
        Where chains start: one position (dim,) or one row per chain, of free numbers; a point by names, or one for each chain
        in a list; draws of an approximation (`stochinf.vi`). By default the target's choice; where the log density is not
        finite there, up to 100 points are tried, and that is told.
    threads, executor, stop, rng, progress, checkpoint, callback, keep_warmup : optional
        As in `stochinf.run`.

    Returns
    -------
    Run
        `d["theta"]` of shape (chain, draw), `d.stats["lp"]`, `d.summary()`, `d.warnings`, `d.to_arviz()`, `d.save(path)`.

    Raises
    ------
    StochinfError
        If an argument breaks a rule, or no starting point of finite log density was found.
    DensityError
        If the density meets an error of its own; its `run` holds what was drawn.

    Warns
    -----
    ConvergenceWarning
        If something stands against trusting the draws: the text says what, names the variables, and what to do. The same text
        is in `d.warnings`. Runs of fewer than 1000 draws in all are not told that their draws are few.

    Examples
    --------
    >>> import stochinf as si
    >>> d = si.sample(si.models.CoinBias(62, 38), draws=1000, warmup=500, chains=4, rng=0)
    >>> d["theta"].shape
    (4, 1000)
    """
    count = None if draws is None else counted("draws", draws)
    if count is None and stop is None:
        raise StochinfError("draws = None: nothing would end this run; give draws, or stop=")
    before = min(1000, count or 1000) if warmup is None else counted("warmup", warmup, least=0)
    each = counted("thin", thin)
    part = as_target(target)
    chosen = _chosen(kernel, part)
    check_yield("sample", chosen, "draws")
    check_kernel(chosen, part)
    entropy = entropy_of(rng)
    notes: list[str] = []

    def begin() -> Any:
        positions, told = starts(target, part, chosen, init, counted("chains", chains), entropy)
        notes.extend(told)
        return positions

    try:
        drawn = run(
            chosen, target, None if count is None else count * each, each, warmup=before, picker=picker, schedule=schedule,
            init=begin, chains=chains, threads=threads, executor=executor, stop=stop, rng=entropy, progress=progress,
            checkpoint=checkpoint, callback=callback, keep_warmup=keep_warmup,
        )  # fmt: skip
    except DensityError as error:
        error.run = error.run and _noted(error.run, notes)
        raise
    drawn = _noted(drawn, notes)
    found = doubts(drawn)
    if found:
        warn_of_doubt("; ".join(found))
    return drawn


def _noted(drawn: Run, notes: list[str]) -> Run:
    return replace(drawn, notes=(*notes, *drawn.notes)) if notes else drawn


def _chosen(kernel: Any, target: Any) -> Any:
    """Return the kernel, or what "auto" stands for."""
    if not isinstance(kernel, str):
        return kernel
    if kernel != "auto":
        raise StochinfError(f"kernel = {kernel!r}: 'auto' or a kernel such as stochinf.mcmc.Metropolis() is needed")
    from stochinf import mcmc

    if offers(target, "log_density_gradient"):
        return mcmc.NUTS()
    learns = offers(target, "log_density") and 1 < int(getattr(target, "dim", 1)) <= SHAPED
    return mcmc.AdaptiveMetropolis() if learns else mcmc.Metropolis()
