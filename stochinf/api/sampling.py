"""`sample`: draws from a target."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from stochinf.api.running import Checkpoint, run
from stochinf.diagnostics.run import Run
from stochinf.engine.convert import counted
from stochinf.engine.driver import Report
from stochinf.engine.errors import StochinfError
from stochinf.engine.stop import Rule
from stochinf.engine.target import check_yield

__all__ = ["sample"]


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
        With a log density, for example `stochinf.models.CoinBias(62, 38)`.
    draws : int, optional
        Draws per chain, after warm-up and thinning; None where `stop` ends the run.
    warmup : int, optional
        Draws of warm-up, not kept; as many as `draws` by default, at most 1000.
    chains : int
        Independent chains.
    kernel : part
        The sampler; random-walk Metropolis by default.
    thin : int
        Updates per draw.
    picker, schedule, init, threads, executor, stop, rng, progress, checkpoint, callback, keep_warmup : optional
        As in `stochinf.run`.

    Returns
    -------
    Run
        `d["theta"]` of shape (chain, draw), `d.stats["lp"]`, `d.summary()`, `d.to_arviz()`, `d.save(path)`.

    Raises
    ------
    StochinfError
        If an argument breaks a rule; nothing has been compiled then.

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
    if isinstance(kernel, str):
        if kernel != "auto":
            raise StochinfError(f"kernel = {kernel!r}: 'auto' or a kernel such as stochinf.mcmc.Metropolis() is needed")
        from stochinf.mcmc.metropolis import Metropolis

        kernel = Metropolis()
    check_yield("sample", kernel, "draws")
    return run(
        kernel, target, None if count is None else count * each, each, warmup=before, picker=picker, schedule=schedule, init=init,
        chains=chains, threads=threads, executor=executor, stop=stop, rng=rng, progress=progress, checkpoint=checkpoint,
        callback=callback, keep_warmup=keep_warmup,
    )  # fmt: skip
