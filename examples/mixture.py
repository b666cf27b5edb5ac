"""A mixture of two normal distributions: an order makes its labels mean something, and each point gets a probability.

    python examples/mixture.py [--points 400] [--seed 0]

Without an order the two components could change places, and means over draws would be means over both. `ordered(2)` keeps the
first mean below the second. Pathfinder gives a first answer in milliseconds; the sampler starts there.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

import stochinf as si
from stochinf import density as sd

TRUTH = {"weight": 0.35, "mean": np.array([-2.0, 2.0]), "width": np.array([0.6, 1.2])}


def simulated(n: int, seed: int) -> np.ndarray:
    """Return points of a known mixture."""
    generator = np.random.default_rng(seed)
    component = (generator.uniform(size=n) > TRUTH["weight"]).astype(int)
    return generator.normal(TRUTH["mean"][component], TRUTH["width"][component])


def components(weight: Any, mean: Any, width: Any, y: Any) -> tuple[Any, Any]:
    """Return the log density of each point and the first component, and of each point and the second."""
    first = np.log(weight) + sd.normal(y, mean[0], width[0])
    return first, np.log1p(-weight) + sd.normal(y, mean[1], width[1])


def log_density(weight: Any, mean: Any, width: Any, y: Any) -> Any:
    """Return the log posterior."""
    prior = sd.beta(weight, 2.0, 2.0) + sd.normal(mean, 0.0, 3.0).sum() + sd.half_normal(width, 2.0).sum()
    return prior + np.logaddexp(*components(weight, mean, width, y)).sum()


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the truth beside Pathfinder's answer and the posterior, and the points that are in doubt."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    y = simulated(options.points, options.seed)
    params = {"weight": sd.interval(0.0, 1.0), "mean": sd.ordered(2), "width": sd.positive(2)}
    model = si.Density(log_density, params=params, data={"y": y})
    with warnings.catch_warnings(action="ignore"):  # how far it is to be trusted is printed
        first = si.vi.pathfinder(model, rng=options.seed)
    run = si.sample(model, 1000, warmup=400, chains=4, init=first, rng=options.seed)
    print(f"Pathfinder: {first.quality}, {first.gradients} gradients\n{run}\n")
    print(f"{'':10}{'truth':>8}{'Pathfinder':>12}{'posterior':>11}{'sd':>7}")
    for name, place in (("weight", ()), ("mean", (0,)), ("mean", (1,)), ("width", (0,)), ("width", (1,))):
        label = name + (f"[{place[0]}]" if place else "")
        quick, drawn = (found[name][(slice(None), slice(None), *place)] for found in (first, run))
        print(f"{label:10}{np.asarray(TRUTH[name])[place]:8.2f}{quick.mean():12.2f}{drawn.mean():11.2f}{drawn.std():7.2f}")
    draws = {name: run[name].reshape(-1, *run[name].shape[2:])[::20, ..., np.newaxis] for name in params}
    ordered = {name: np.moveaxis(draws[name], 0, 1) if draws[name].ndim == 3 else draws[name] for name in params}
    one, other = components(**ordered, y=y)
    chance = (1.0 / (1.0 + np.exp(other - one))).mean(axis=0)
    print(
        f"\n{np.sum((chance > 0.1) & (chance < 0.9))} of {y.size} points are in doubt (a chance between 0.1 and 0.9 of the first)"
    )


if __name__ == "__main__":
    main()
