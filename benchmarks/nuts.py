"""NUTS against nutpie on the same compiled densities: effective draws for a gradient and for a second; what a step costs.

Twelve posteriors of posteriordb (`posteriors.py`), 4 chains of 1000 draws; 400 draws of warm-up, nutpie's low-rank metric with
the 800 that it takes by default. Both samplers call the same machine code at the same address with the same data, and
both start at the same points. ESS is the smallest bulk ESS over the quantities that the reference names, by one function for
both; gradients count warm-up. CPU time is the whole call's, on one thread, without compiling; the first call is not timed.
A run whose chains do not agree (R-hat above 1.05) has left one of them in a mode without mass: a matter of one seed in hundreds
with the mixture, for either sampler, that divides its ESS by hundreds. The means are given with these runs and without them.

    pip install nutpie
    STOCHINF_DATA=data python benchmarks/nuts.py            # 5 seeds: some ten minutes
    STOCHINF_DATA=data python benchmarks/nuts.py 2 kidiq    # 2 seeds, posteriors whose name has "kidiq"
    python benchmarks/nuts.py cost                          # only what a leapfrog step costs, and two threads against one
"""

from __future__ import annotations

import itertools
import math
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

import stochinf as si
from stochinf.api.starts import starts
from stochinf.density import SIGNATURE, PointerDensity
from stochinf.engine.block import advance
from stochinf.engine.jit import entry
from stochinf.engine.observers import Draws
from stochinf.engine.session import Plan, build
from stochinf.engine.statistics import ess_bulk, rhat
from stochinf.engine.streams import Streams

TWELVE = (
    "eight_schools-eight_schools_noncentered", "kidiq-kidscore_interaction", "kidiq_with_mom_work-kidscore_interaction_c",
    "earnings-earn_height", "arK-arK", "garch-garch11", "low_dim_gauss_mix-low_dim_gauss_mix", "hmm_example-hmm_example",
    "gp_pois_regr-gp_regr", "nes1980-nes", "sblrc-blr", "earnings-logearn_interaction",
)  # fmt: skip
PAIRS = (("diagonal", "diag", 0.97), ("auto", "low_rank", 1.0))
"""Our metric, nutpie's, and what the ratio of ESS per gradient should be at the least."""
CHAINS, DRAWS, WARMUP = 4, 1000, 400
APART = 1.05
"""R-hat from which on the chains of a run are not in the same mode."""


def nutpie_model(density: Any, starts: Any) -> Any:
    """Return nutpie's model of a density at an address; its chains begin at the rows of `starts`."""
    import nutpie.sample  # noqa: F401
    from nutpie import _lib

    n, expand, places = density.dim, copying(), itertools.cycle(starts)

    class Model(sys.modules["nutpie.sample"].CompiledModel):  # type: ignore[misc,name-defined]
        n_dim = property(lambda self: n)
        shapes = property(lambda self: {"x": (n,)})
        coords = property(lambda self: {})

        def _make_sampler(self, settings: Any, init_mean: Any, *rest: Any) -> Any:
            variables = _lib.PyVariable.new_variables(["x"], ["float64"], [(n,)], {"x_dim_0": n}, {"x": ["x_dim_0"]})
            model = _lib.PyMcModel(
                _lib.LogpFunc(density.function.address, density.data, density), _lib.ExpandFunc(n, n, expand.address, 0, expand),
                variables, n, {"x_dim_0": n}, {}, lambda seed: next(places), None,
            )  # fmt: skip
            cores, *others = rest
            return _lib.PySampler.from_pymc(settings, cores, model, *others)

    return Model(dims={})


def copying() -> Any:
    """Return a C function that copies a position, which nutpie asks for."""
    pointer = numba.types.CPointer(numba.types.float64)
    word, anything = numba.types.uint64, numba.types.voidptr

    @numba.cfunc(numba.types.int64(word, word, pointer, pointer, anything, anything))
    def copy(n, expanded, x, out, seed, data):  # type: ignore[no-untyped-def]
        for i in range(n):
            out[i] = x[i]
        return 0

    return copy


def starting(posterior: Any, seed: int) -> Any:
    """Return where the chains begin: points that `sample` would choose, so that no chain begins in a mode without mass."""
    density, part = posterior.density, posterior.density.as_target()
    chosen = starts(density, part, si.mcmc.NUTS(), None, CHAINS, seed)[0]
    return chosen if chosen is not None else np.stack([part.start(Streams(seed, k, 1).generator()) for k in range(CHAINS)])


def by_nutpie(posterior: Any, metric: str, seed: int) -> tuple[Any, float, float]:
    """Return quantities, gradients and CPU seconds."""
    import nutpie

    part = posterior.density.as_target()
    model = nutpie_model(part, starting(posterior, seed))
    began = time.process_time()
    trace = nutpie.sample(
        model, draws=DRAWS, tune=2 * WARMUP if metric == "low_rank" else WARMUP, chains=CHAINS, cores=1, seed=seed,
        progress_bar=False, adaptation=metric, save_warmup=True,
    )  # fmt: skip
    seconds = time.process_time() - began
    steps = int(trace.sample_stats["n_steps"].sum()) + int(trace.warmup_sample_stats["n_steps"].sum())
    return posterior.named(part.variables(np.asarray(trace.posterior["x"]))), steps, seconds


def by_us(posterior: Any, metric: str, seed: int) -> tuple[Any, float, float]:
    """Return quantities, gradients and CPU seconds."""
    start = starting(posterior, seed)
    began = time.process_time()
    run = si.sample(
        posterior.density, draws=DRAWS, warmup=WARMUP, chains=CHAINS, kernel=si.mcmc.NUTS(metric=metric), rng=seed, threads=1,
        init=start, keep_warmup=True, progress=False,
    )  # fmt: skip
    seconds = time.process_time() - began
    steps = float(run.stats["n_steps"].sum() + run.warmup_stats["n_steps"].sum())
    return posterior.named(dict(run.draws)), steps, seconds


def score(engine: Callable[..., Any], posterior: Any, metric: str, seed: int) -> tuple[float, float, float]:
    """Return log ESS per gradient and per CPU second, and the worst R-hat."""
    values, steps, seconds = engine(posterior, metric, seed)
    varying = [v for v in values.values() if np.ptp(v) > 0]
    ess = min(ess_bulk(v) for v in varying)
    return math.log(ess / steps), math.log(ess / seconds), max(rhat(v) for v in varying)


def compare(name: str, seeds: int) -> list[Any]:
    """Print the ratios of one posterior, each with its 95 % interval over seeds; return their logarithms."""
    from posteriors import posterior

    target, ratios = posterior(name), []
    for ours, theirs, _ in PAIRS:
        for engine, metric in ((by_us, ours), (by_nutpie, theirs)):
            engine(target, metric, 99)
        rows = [(score(by_us, target, ours, seed), score(by_nutpie, target, theirs, seed)) for seed in range(seeds)]
        us, them = np.array(rows).transpose(1, 0, 2)
        ratio, error = difference(us, them)
        low, high = np.exp(ratio - 1.96 * error), np.exp(ratio + 1.96 * error)
        print(
            f"{name.partition('-')[2]:<26} {ours:>8}: ESS per gradient {math.exp(ratio[0]):6.2f} ({low[0]:.2f} to {high[0]:.2f}),"
            f" per CPU second {math.exp(ratio[1]):6.2f} ({low[1]:.2f} to {high[1]:.2f});"
            f" R-hat {us[:, 2].max():.3f} and {them[:, 2].max():.3f}",
            flush=True,
        )
        apart = [runs[:, 2] > APART for runs in (us, them)]
        agreed = difference(us[~apart[0]], them[~apart[1]])[0] if not (apart[0].all() or apart[1].all()) else ratio
        if apart[0].any() or apart[1].any():
            print(
                f"{'':>36} chains apart in {apart[0].sum()} and {apart[1].sum()} of {seeds} runs; per gradient without these"
                f" {math.exp(agreed[0]):.2f}, per CPU second {math.exp(agreed[1]):.2f}",
                flush=True,
            )
        ratios.append([ratio, agreed])
    return ratios


def difference(us: Any, them: Any) -> tuple[Any, Any]:
    """Return how far apart the mean logarithms of two lots of runs are, and the standard error."""
    error = sum(runs[:, :2].var(0) / max(1, len(runs) - 1) for runs in (us, them))
    return us[:, :2].mean(0) - them[:, :2].mean(0), np.sqrt(error)


@numba.cfunc(SIGNATURE, fastmath={"reassoc", "contract", "nsz", "arcp"}, error_model="numpy")
def normal(n, x, gradient, out, data):  # type: ignore[no-untyped-def]
    """Write the standard normal density, which is almost nothing to compute."""
    total = 0.0
    for i in range(n):
        total -= x[i] * x[i]
        gradient[i] = -x[i]
    out[0] = 0.5 * total
    return 0


@entry
def gradients(target: Any, position: Any, gradient: Any, times: int) -> float:
    """Evaluate a density again and again."""
    total = 0.0
    for _ in range(times):
        position[0] *= 0.999999
        total += target.log_density_gradient(position, gradient)
    return total


def cost(dim: int) -> None:
    """Print what the sampler adds to a gradient: the best of several stretches, the density's own cost subtracted."""
    draws = max(50, 20_000 // dim)
    target = PointerDensity(normal, dim, differentiable=True)
    kernel = si.mcmc.NUTS(dim**-0.25, metric=np.ones(dim))
    start = np.random.default_rng(0).standard_normal(dim)
    block = build(Plan(kernel, target, None, None, Draws(), start, 1, 0, 1, False, 1), 10 * draws).blocks[0]
    whole = alone = math.inf
    slope = np.empty(dim)
    gradients(target, start, slope, 1)
    for _ in range(9):
        seen = int(block.observer.seen[0])
        began = time.thread_time()
        advance(block, draws)
        took = time.thread_time() - began
        whole = min(whole, took / block.observer.stats[seen : seen + draws, si.mcmc.NUTS.statistics.index("n_steps")].sum())
        began = time.thread_time()
        gradients(target, start, slope, 20_000)
        alone = min(alone, (time.thread_time() - began) / 20_000)
    print(f"d = {dim:5}: {1e6 * (whole - alone):6.3f} us a leapfrog step beside the gradient   target {0.6 + 0.003 * dim:.2f}")


def threads() -> None:
    """Print CPU time on two threads against one, and whether the bits are the same."""
    target = PointerDensity(normal, 100, differentiable=True)
    took, bits = [math.inf, math.inf], [b"", b""]
    for _ in range(5):
        for k in (0, 1):
            began = time.process_time()
            run = si.sample(target, draws=4000, warmup=400, chains=4, kernel=si.mcmc.NUTS(), rng=0, threads=k + 1, progress=False)
            took[k], bits[k] = min(took[k], time.process_time() - began), run["position"].tobytes()
    same = "the same bits" if bits[0] == bits[1] else "OTHER BITS"
    print(f"4 chains on 2 threads: {took[1] / took[0]:.2f} of the CPU time of one, {same}   target 1.1")


def main() -> None:
    """Compare what the arguments name."""
    warnings.simplefilter("ignore")
    words = sys.argv[1:]
    if words != ["cost"]:
        names = [name for name in TWELVE if len(words) < 2 or words[1] in name]
        ratios = np.array([compare(name, int(words[0]) if words else 5) for name in names])
        for k, (ours, theirs, least) in enumerate(PAIRS):
            (gradient, second), agreed = np.exp(ratios[:, k].mean(0))
            print(
                f"{len(names)} posteriors, {ours} against nutpie's {theirs}: ESS per gradient {gradient:.2f} (target {least}),"
                f" per CPU second {second:.2f} (target 1.2); of the runs whose chains agree {agreed[0]:.2f} and {agreed[1]:.2f}"
            )
    for dim in (2, 10, 100, 1000):
        cost(dim)
    threads()


if __name__ == "__main__":
    main()
