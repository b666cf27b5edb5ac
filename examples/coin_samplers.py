"""One coin, every sampler: 62 heads and 38 tails, the exact posterior beside what each sampler makes of it.

    python examples/coin_samplers.py [--heads 62] [--tails 38] [--draws 2000] [--only NUTS Slice] [--seed 0]

The same posterior is written as each kind of sampler wants it: the ready model for those that need a density alone; a plain
function of the chance of heads for those that follow its gradient (traced and differentiated); a target that draws its own
conditionals for Gibbs; for those that look at a few flips at a time a logistic regression on the flips, whose coefficient is
the logit: a flat prior on the chance amounts to one more head and one more tail. The column z is the error of the mean in
standard errors; samplers without an accept step have a bias besides, of the order of their step.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import stochinf as si
from stochinf import density as sd
from stochinf.engine.random import exponential, uniform
from stochinf.engine.statistics import ess_bulk


def log_density(theta: Any, heads: Any, tails: Any) -> Any:
    """Return the log likelihood; the prior of the chance of heads is flat."""
    return heads * np.log(theta) + tails * np.log1p(-theta)


@si.kernel
class Imagined(NamedTuple):
    """The chance of heads, and how many of some flips that nobody made would be heads: each is easy to draw given the other."""

    heads: int
    tails: int
    flips: int = 20
    n_blocks: int = 2
    dim: int = 2

    def start(self, generator: np.random.Generator) -> np.ndarray:
        """Return a start."""
        return np.array([0.5, 0.5 * self.flips])

    def redraw(self, position: np.ndarray, block: int, rng: np.ndarray) -> None:
        """Draw the chance from a beta distribution, by sums of exponentials, or flip."""
        if block == 1:
            position[1] = 0.0
            for _ in range(self.flips):
                position[1] += 1.0 if uniform(rng) < position[0] else 0.0
            return
        first, second = 0.0, 0.0
        for _ in range(self.heads + 1 + int(position[1])):
            first += exponential(rng)
        for _ in range(self.tails + 1 + self.flips - int(position[1])):
            second += exponential(rng)
        position[0] = first / (first + second)

    def variables(self, positions: np.ndarray) -> dict[str, np.ndarray]:
        """Return the chance."""
        return {"theta": positions[..., 0]}


def samplers(heads: int, tails: int) -> dict[str, tuple[Any, Any]]:
    """Return kernel and target of every sampler."""
    coin = si.models.CoinBias(heads, tails)
    traced = si.Density(log_density, params={"theta": sd.interval(0, 1)}, data={"heads": float(heads), "tails": float(tails)})
    flips = np.repeat([1, 0], [heads + 1, tails + 1])
    logistic = si.models.LogisticRegression(np.ones((flips.size, 1)), flips)
    centre, spread = math.log((heads + 1) / (tails + 1)), math.sqrt(1 / (heads + 1) + 1 / (tails + 1))
    step = 0.05 * spread**2
    guess = si.mcmc.Independence([centre], [[spread]])
    return {
        "Metropolis": (si.mcmc.Metropolis(), coin),
        "AdaptiveMetropolis": (si.mcmc.AdaptiveMetropolis(), coin),
        "Independence": (si.mcmc.MetropolisHastings(guess), coin),
        "Slice": (si.mcmc.Slice(), coin),
        "Gibbs": (si.mcmc.Gibbs(), Imagined(heads, tails)),
        "ULA": (si.mcmc.ULA(), traced),
        "MALA": (si.mcmc.MALA(), traced),
        "HMC": (si.mcmc.HMC(), traced),
        "NUTS": (si.mcmc.NUTS(), traced),
        "SGLD": (si.mcmc.SGLD(step, estimator=si.mcmc.ControlVariates([centre])), logistic),
        "PSGLD": (si.mcmc.PSGLD(), logistic),
        "SGHMC": (si.mcmc.SGHMC(), logistic),
        "SGNHT": (si.mcmc.SGNHT(), logistic),
        "CyclicalSGLD": (si.mcmc.CyclicalSGLD(2 * step, period=50, exploration=0.2), logistic),
    }


def drawn(kernel: Any, target: Any, draws: int, seed: int) -> np.ndarray:
    """Return draws of the chance of heads, shape (chain, draw)."""
    stochastic = isinstance(target, si.models.LogisticRegression)
    run = si.sample(
        target, draws, warmup=1000, chains=4, kernel=kernel, thin=10 if stochastic else 1, rng=seed, progress=False,
        picker=si.pickers.Minibatches(max(1, len(target.y) // 2)) if stochastic else None,
    )  # fmt: skip
    theta = 1.0 / (1.0 + np.exp(-run["coefficients"][..., 0])) if stochastic else run["theta"]
    sampling = np.asarray(run.stats.get("temperature", np.ones((1, draws))))[0] > 0
    return np.asarray(theta[:, sampling])


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each sampler."""
    options = parser().parse_args(arguments)
    exact = si.models.CoinBias(options.heads, options.tails).posterior
    print(f"{options.heads} heads, {options.tails} tails: mean {exact.mean():.4f}, sd {exact.std():.4f}\n")
    print(f"{'sampler':<20}{'mean':>8}{'sd':>8}{'z':>7}{'sd ratio':>10}{'ESS':>8}{'seconds':>9}")
    for name, (kernel, target) in samplers(options.heads, options.tails).items():
        if options.only and name not in options.only:
            continue
        drawn(kernel, target, 20, options.seed)
        began = time.process_time()
        theta = drawn(kernel, target, options.draws, options.seed)
        took = time.process_time() - began
        ess = ess_bulk(theta)
        z = (theta.mean() - exact.mean()) / (theta.std() / math.sqrt(ess))
        ratio = theta.std() / exact.std()
        print(f"{name:<20}{theta.mean():8.4f}{theta.std():8.4f}{z:7.1f}{ratio:10.3f}{ess:8.0f}{took:9.2f}")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    line = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    line.add_argument("--heads", type=int, default=62)
    line.add_argument("--tails", type=int, default=38)
    line.add_argument("--draws", type=int, default=2000, help="draws of each of four chains (2000)")
    line.add_argument("--only", nargs="+", metavar="NAME", help="these samplers only")
    line.add_argument("--seed", type=int, default=0)
    return line


if __name__ == "__main__":
    main()
