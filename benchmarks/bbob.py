"""Black-box optimisers on the 24 noise-free functions of BBOB: CMA-ES against pycma, Nelder-Mead against scipy.

A problem is solved where the best of 2000 dim values lies within 1e-8 of the optimum. All begin at the same random points of
[-4, 4]^dim and begin again in that box; pycma with BIPOP restarts, scipy's Nelder-Mead with adaptive coefficients. The difference
of solved problems is paired over seeds. Then the time of an evaluation on the
sphere, everything included, in one process, turn by turn.

    python benchmarks/bbob.py                 # one seed, ours alone: minutes
    python benchmarks/bbob.py 5 --peers --keep=peers.txt     # an hour, most of it pycma's; the file keeps what peers have done
    python benchmarks/bbob.py 1 --peers --instances=3        # ten minutes
    python benchmarks/bbob.py --cost
"""

from __future__ import annotations

import contextlib
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from bbob_functions import NAMES, Problem, problem
from measure import line

import stochinf as si

DIM, INSTANCES, CLOSE = 5, 15, 1e-8
BUDGET = 2000 * DIM
SIGMA, EDGE = 2.0, 4.0

Floats = npt.NDArray[np.float64]
Solver = Callable[[Problem, Floats, np.random.Generator], float]


class Spent(Exception):
    """The budget is used up, or the problem solved."""


class Counted:
    """A problem for peers: it counts, and ends their run."""

    def __init__(self, given: Problem) -> None:
        self.target, self.least = given.function.as_target(), given.least
        self.seen, self.best = 0, np.inf

    def __call__(self, x: Any) -> float:
        """Return the value less that of the optimum."""
        if self.seen >= BUDGET or self.best <= CLOSE:
            raise Spent
        value = float(self.target.value(np.ascontiguousarray(x, dtype=np.float64), 0)) - self.least
        self.seen += 1
        self.best = min(self.best, value)
        return value


def ours(rule: Any) -> Solver:
    """Return a rule of stochinf as a solver."""

    def solve(given: Problem, start: Floats, rng: np.random.Generator) -> float:
        result = si.minimize(given.function, rule, start, stop=si.stop.steps(BUDGET), rng=rng)
        return float(result.fun) - given.least

    return solve


def pycma(given: Problem, start: Floats, rng: np.random.Generator) -> float:
    """Return the error of pycma with BIPOP restarts."""
    import cma

    f, first = Counted(given), [start]

    def begin(*_: Any) -> Floats:
        return first.pop() if first else rng.uniform(-EDGE, EDGE, DIM)

    np.random.seed(int(rng.integers(2**31)))  # noqa: NPY002  (what pycma draws from)
    quiet = {"verbose": -9, "verb_log": 0, "verb_disp": 0, "signals_filename": "", "seed": np.nan, "maxfevals": BUDGET}
    with contextlib.suppress(Spent):
        cma.fmin(f, begin, SIGMA, quiet, restarts=9, bipop=True)
    return f.best


def scipys(given: Problem, start: Floats, rng: np.random.Generator) -> float:
    """Return the error of scipy's Nelder-Mead, begun again until the budget is spent."""
    from scipy.optimize import minimize

    f = Counted(given)
    options = {"adaptive": True, "maxfev": BUDGET, "maxiter": BUDGET, "xatol": 1e-9, "fatol": 1e-11}
    with contextlib.suppress(Spent):
        while True:
            minimize(f, start, method="Nelder-Mead", options=options)
            start = rng.uniform(-EDGE, EDGE, DIM)
    return f.best


class Results:
    """Errors of solvers; those of peers are read from a file, and written to it as they are found."""

    def __init__(self, file: str) -> None:
        self.file, self.known = file, {}
        if file and Path(file).is_file():
            lines = (row.split() for row in Path(file).read_text().splitlines())
            self.known = {tuple(row[:4]): float(row[4]) for row in lines}

    def error(self, name: str, solve: Solver, seed: int, number: int, instance: int) -> float:
        """Return how far a solver stays above the optimum."""
        key = (name, str(seed), str(number), str(instance))
        if name in PEERS and key in self.known:
            return self.known[key]
        rng = np.random.default_rng([seed, number, instance])
        error = solve(problem(number, instance, DIM, (-EDGE, EDGE)), rng.uniform(-EDGE, EDGE, DIM), rng)
        if self.file and name in PEERS:
            with open(self.file, "a") as rows:
                rows.write(f"{' '.join(key)} {error:.6e}\n")
        return error

    def solved(self, name: str, solve: Solver, seed: int, number: int, instances: int) -> int:
        """Return how many instances of a function are solved."""
        return sum(self.error(name, solve, seed, number, instance) <= CLOSE for instance in range(1, instances + 1))


PEERS: dict[str, Solver] = {"pycma": pycma, "scipy": scipys}


def counts(seeds: int, instances: int, peers: bool, file: str) -> None:
    """Print how many problems are solved, function by function and in all."""
    results = Results(file)
    solvers: dict[str, Solver] = {"CMAES": ours(si.optim.CMAES(SIGMA)), "NelderMead": ours(si.optim.NelderMead(SIGMA))}
    if peers:
        solvers |= PEERS
    table = {name: np.zeros((seeds, len(NAMES))) for name in solvers}
    for number, title in enumerate(NAMES, 1):
        for name, solve in solvers.items():
            table[name][:, number - 1] = [results.solved(name, solve, seed, number, instances) for seed in range(seeds)]
        shown = ", ".join(f"{name} {rows[:, number - 1].mean():.1f}" for name, rows in table.items())
        print(f"f{number:<3} {title:<30} {shown}  of {instances}", flush=True)
    for name, rows in table.items():
        print(f"{name}: {rows.sum(1).mean():.1f} of {instances * len(NAMES)}")
    for name, peer in (("CMAES", "pycma"), ("NelderMead", "scipy")):
        if peer in table and seeds > 1:
            difference = table[name].sum(1) - table[peer].sum(1)
            error = difference.std(ddof=1) / np.sqrt(seeds)
            print(f"{name} - {peer}: {difference.mean():+.1f} solved a seed, standard error {error:.1f}")
            line(f"{name} - {peer}, solved, in standard errors", difference.mean() / max(error, 1e-9), ">= -2")


def cost() -> None:
    """Print microseconds an evaluation, everything included."""
    given = problem(1, 1, DIM)
    x = np.zeros(DIM)
    runs: dict[str, Callable[[], Any]] = {
        name: lambda rule=rule: si.minimize(given.function, rule, x, stop=si.stop.steps(BUDGET), rng=0)
        for name, rule in {"CMAES": si.optim.CMAES(SIGMA), "NelderMead": si.optim.NelderMead(SIGMA)}.items()
    }
    least = dict.fromkeys(runs, np.inf)
    for _ in range(9):
        for name, run in runs.items():
            began = time.thread_time()
            run()
            least[name] = min(least[name], time.thread_time() - began)
    for name, seconds in least.items():
        line(f"{name}: microseconds an evaluation in {DIM} dimensions, the sphere included", 1e6 * seconds / BUDGET, "<= 5")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if "--cost" not in sys.argv:
        seeds = next((int(a) for a in sys.argv[1:] if a.isdigit()), 1)
        given = dict(a.split("=", 1) for a in sys.argv[1:] if "=" in a)
        counts(seeds, int(given.get("--instances", INSTANCES)), "--peers" in sys.argv, given.get("--keep", ""))
    cost()
