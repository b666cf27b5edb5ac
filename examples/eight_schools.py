"""Eight schools: the effects of coaching, written twice. The first way has a funnel, and the sampler says so.

    python examples/eight_schools.py [--draws 4000] [--seed 0]

The effects theta of eight schools come from a normal distribution of unknown mean and width. Where the width tau is small the
effects are tied together so closely that no step size serves there: divergences, and a warning that names tau. Written with
standardised effects the same posterior has no funnel. See docs/diagnostics.md.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

import stochinf as si
from stochinf import density as sd

SCHOOLS = list("ABCDEFGH")
EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


def centred(mu: Any, tau: Any, theta: Any, y: Any, sigma: Any) -> Any:
    """Return the log density with the effects themselves."""
    return sd.normal(mu, 0, 5) + sd.half_cauchy(tau, 5) + sd.normal(theta, mu, tau).sum() + sd.normal(y, theta, sigma).sum()


def standardised(mu: Any, tau: Any, z: Any, y: Any, sigma: Any) -> Any:
    """Return the log density with effects in units of tau from mu."""
    return sd.normal(mu, 0, 5) + sd.half_cauchy(tau, 5) + sd.normal(z).sum() + sd.normal(y, mu + tau * z, sigma).sum()


def sampled(function: Any, effects: str, draws: int, seed: int) -> si.diagnostics.Run:
    """Sample one of the two, and print what the run says of itself."""
    model = si.Density(
        function,
        params={"mu": sd.real(), "tau": sd.positive(), effects: sd.real(8)},
        data={"y": EFFECTS, "sigma": ERRORS},
        dims={effects: ["school"], "y": ["school"], "sigma": ["school"]},
        coords={"school": SCHOOLS},
    )
    with warnings.catch_warnings(action="ignore"):  # printed with the run
        run = si.sample(model, draws, warmup=400, chains=4, rng=seed)
    print(f"{run}\n")
    return run


def main(arguments: Sequence[str] | None = None) -> None:
    """Print both runs, and the effects."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    funnel = sampled(centred, "theta", options.draws, options.seed)
    run = sampled(standardised, "z", options.draws, options.seed)
    theta = run["mu"][..., np.newaxis] + run["tau"][..., np.newaxis] * run["z"]
    print(f"{'school':<8}{'observed':>9}{'error':>7}{'mean':>7}{'sd':>6}{'P(best)':>9}")
    best = np.bincount(theta.argmax(axis=-1).ravel(), minlength=8) / theta[..., 0].size
    for k, school in enumerate(SCHOOLS):
        figures = f"{theta[..., k].mean():7.1f}{theta[..., k].std():6.1f}{best[k]:9.2f}"
        print(f"{school:<8}{EFFECTS[k]:9.0f}{ERRORS[k]:7.0f}{figures}")
    lost = [float(np.mean(r["tau"] < 1.0)) for r in (funnel, run)]
    print(f"\nP(tau < 1): {lost[1]:.3f}; with the funnel {lost[0]:.3f}")


if __name__ == "__main__":
    main()
