"""Accuracy on posteriordb: means and widths against reference draws, every parameter of every posterior without an ODE.

    STOCHINF_DATA=data python benchmarks/accuracy.py [seed]

Every |mean - reference| must be at most 0.10 reference standard deviations, every |log ratio of standard deviations| at most
0.15, once the smallest bulk ESS is at least 2000; the standard error of a mean is then 0.024. Eight schools written with a
funnel must not pass in silence: a run of it has to warn of divergences.
"""

from __future__ import annotations

import sys
import time
import warnings

import numpy as np
from posteriors import POSTERIORS, posterior, reference

import stochinf as si
from stochinf.engine.statistics import summary_row

MEAN, WIDTH, ESS, MOST = 0.10, 0.15, 2000, 40_000
CENTRED = "eight_schools-eight_schools_centered"


def compared(name: str, seed: int) -> tuple[bool, str]:
    """Sample a posterior; return whether it is right, and a line of figures."""
    target, expected = posterior(name), reference(name)
    began = time.process_time()
    stop = si.stop.converged(ess=2 * ESS) | si.stop.steps(MOST)
    run = si.sample(target.density, draws=None, warmup=1000, chains=4, stop=stop, rng=seed, progress=False)
    spent = time.process_time() - began
    draws = target.named(run.draws)
    rows = [summary_row(draws[label]) for label in expected["names"]]
    means = np.array([row.mean for row in rows]) - expected["mean"]
    means = np.abs(means / expected["sd"])
    widths = np.abs(np.log(np.array([row.sd for row in rows]) / expected["sd"]))
    ess = min(row.ess_bulk for row in rows)
    right = bool(means.max() <= MEAN and widths.max() <= WIDTH and ess >= ESS)
    worst = expected["names"][int(np.argmax(np.maximum(means / MEAN, widths / WIDTH)))]
    figures = f"{len(rows):>4} {run.n_steps:>7} {ess:>7.0f} {means.max():>8.3f} {widths.max():>8.3f}  {worst:<18} {spent:>6.1f} s"
    return right, f"{name:<50} {figures}  {'right' if right else 'WRONG'}"


def warned(seed: int) -> bool:
    """Whether the funnel is told of."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        si.sample(posterior(CENTRED).density, draws=1000, warmup=400, chains=4, rng=seed, progress=False)
    return any("divergence" in str(warning.message) for warning in told if warning.category is si.ConvergenceWarning)


def main(seed: int) -> int:
    """Compare all; return how many are wrong."""
    print(f"{'posterior':<50} {'dim':>4} {'draws':>7} {'ESS':>7} {'mean/sd':>8} {'log sd':>8}  worst")
    wrong = 0
    for name in POSTERIORS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            right, line = compared(name, seed)
        wrong += not right
        print(line, flush=True)
    told = warned(seed)
    print(f"{CENTRED:<50} {'warns, as it must' if told else 'is SILENT'}")
    print(f"{len(POSTERIORS) - wrong} of {len(POSTERIORS)} right: means within {MEAN} sd, log sd within {WIDTH}, ESS {ESS}")
    return wrong + (not told)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
