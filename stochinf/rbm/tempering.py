r"""The partition function of a machine by parallel tempering: bridges between neighbouring rungs.

With rows u at rung i and v at the next rung j, and any number c, Bennett's identity

.. math:: \log \frac{Z_j}{Z_i} = c + \log E_i \Bigl[ \sigma(\log \tfrac{p^*_j(u)}{p^*_i(u)} - c) \Bigr]
   - \log E_j \Bigl[ \sigma(c - \log \tfrac{p^*_j(v)}{p^*_i(v)}) \Bigr]

has the least variance for :math:`c = \log(Z_j / Z_i)`. The rungs' logarithms add up to that of the machine less that of the
base-rate model, which is known.

That model matters. Where most of a machine's probability lies far from it, a phase appears only close to beta = 1, and rungs on
both sides of that have nothing in common. So a first run looks where its coldest rows end, chains go on from there, and their
means make a new base-rate model, from which nothing need change abruptly.

References
----------
Bennett, C. H. (1976). Efficient estimation of free energy differences from Monte Carlo data. J. Computational Physics 22, eq. 12.
"""

from __future__ import annotations

import math
import time as clock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from stochinf.engine import statistics
from stochinf.engine.driver import Controls, drive
from stochinf.engine.lane_statistics import student_widening
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.engine.session import Plan, Session, build, end_warmup
from stochinf.rbm.annealing import pilot
from stochinf.rbm.answers import LogPartition
from stochinf.rbm.chains import TemperedGibbs
from stochinf.rbm.machine import Machine
from stochinf.rbm.sampling import based

__all__ = ["Ratios", "Tempering", "tempered"]

Floats = npt.NDArray[np.float64]
NOTHING = np.empty((0, 0, 0))
DISAGREE = 1.1
RARELY = 0.05
LATER = 2**60


@part
class Ratios(NamedTuple):
    """Observer: keep the log weights of every row at the rungs beside its own."""

    values: Floats = NOTHING
    seen: npt.NDArray[np.int64] = np.zeros(1, np.int64)

    def prepare(self, kernel: Any, target: Any, state: Any, capacity: int) -> Ratios:
        """Allocate room."""
        demand(8 * capacity * state.ratio.size, f"{capacity} observations of {state.ratio.size} ratios")
        return Ratios(np.empty((capacity, *state.ratio.shape)), np.zeros(1, np.int64))

    def grown(self, capacity: int) -> Ratios:
        """Return the same with room for more."""
        bigger = np.empty((capacity, *self.values.shape[1:]))
        bigger[: len(self.values)] = self.values
        return Ratios(bigger, self.seen)

    def observe(self, target: Any, state: Any) -> None:
        """Append the ratios."""
        row = self.seen[0]
        for i in range(state.ratio.shape[0]):
            for j in range(state.ratio.shape[1]):
                self.values[row, i, j] = state.ratio[i, j]
        self.seen[0] = row + 1


class Tempering(NamedTuple):
    """How to temper: independent ladders, rungs (None: as a pilot run finds), sweeps kept and share of them before."""

    ladders: int = 8
    rungs: int | None = None
    sweeps: int = 2000
    warmup: float = 0.5


def tempered(machine: Machine, settings: Tempering, entropy: int, controls: Controls | None = None) -> LogPartition:
    """Return the log partition function by bridge sampling between the rungs of parallel tempering.

    Parameters
    ----------
    machine : Machine
    settings : Tempering
    entropy : int
    controls : Controls, optional
    """
    began = clock.perf_counter()
    warmup, controls = math.ceil(settings.warmup * settings.sweeps), (controls or Controls())._replace(stop=None)
    scout = _warmed(machine, settings, entropy + 3, warmup // 2, controls)[1]
    coldest = scout.blocks[0].state.position.reshape(settings.ladders, -1, machine.n_visible)[:, -1]
    machine = based(machine, entropy + 4, start=coldest)
    ladder, first = _warmed(machine, settings, entropy + 1, warmup // 2, controls)
    ladder = respaced(ladder, refused(first.blocks[0].state.swaps[:, : ladder.size - 1]))
    session = _session(machine, ladder, settings, entropy, warmup, settings.sweeps, first.blocks[0].state.position[None])
    drive(session, warmup + settings.sweeps, controls)
    if session.total <= warmup:
        end_warmup(session)
    observer, swaps = session.blocks[0].observer, session.blocks[0].state.swaps
    seen = observer.values[: int(observer.seen[0])].reshape(-1, 2, settings.ladders, ladder.size)
    value, error, rhat, ess = bridged(seen)
    rates = 1.0 - refused(swaps[:, : ladder.size - 1])
    warnings = _warnings(rhat, rates, error)
    return LogPartition(
        value=machine.base_log_partition() + value, mcse=error, method="tempering", ess=ess, spread=math.nan, warnings=warnings,
        reason=f"{settings.ladders} ladders of {ladder.size} temperatures, {len(seen):,} sweeps, R-hat {rhat:.3f},"
        f" neighbours change places at a rate of {rates.min(initial=1.0):.2f} or more",
        facts={"temperatures": ladder, "swap_rates": rates, "rhat": rhat, "base": machine.base},
        seconds=clock.perf_counter() - began, rng_entropy=entropy,
    )  # fmt: skip


def _warmed(machine: Machine, settings: Tempering, entropy: int, steps: int, controls: Controls) -> tuple[Floats, Session]:
    """Return a ladder by a pilot run, and chains that have been on it for some steps."""
    ladder = spread_rungs(pilot(machine, entropy + 1), settings.rungs)
    session = _session(machine, ladder, settings, entropy, LATER, 0)
    drive(session, max(1, steps), controls)
    return ladder, session


def _session(
    machine: Machine, ladder: Floats, settings: Tempering, entropy: int, warmup: int, capacity: int, rows: Any = None
) -> Session:
    kernel = TemperedGibbs(ladder, settings.ladders)
    return build(Plan(kernel, machine, None, None, Ratios(), rows, 1, warmup, 1, False, entropy), capacity)


def refused(swaps: Floats) -> Floats:
    """Return how often neighbours were refused to change places."""
    return np.asarray(1.0 - swaps[0] / np.maximum(1.0, swaps[1]))


def respaced(ladder: Floats, refusals: Floats) -> Floats:
    """Return as many rungs where each pair is refused equally often.

    References
    ----------
    Syed, S., Bouchard-Cote, A., Deligiannidis, G. and Doucet, A. (2022). Non-reversible parallel tempering. JRSS B 84,
    section 5.1.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.rbm.tempering import respaced
    >>> respaced(np.array([0.0, 0.5, 1.0]), np.array([0.1, 0.3])).round(3)
    array([0.   , 0.667, 1.   ])
    """
    barrier = np.concatenate([[0.0], np.cumsum(np.maximum(refusals, 1e-3))])
    spread = np.interp(np.linspace(0.0, barrier[-1], ladder.size), barrier, ladder)
    spread[-1] = 1.0
    return np.asarray(spread)


def spread_rungs(betas: Floats, rungs: int | None) -> Floats:
    """Return a ladder from 0 to 1 of equal steps in the pilot's measure; by default one rung for each of its steps."""
    number = betas.size if rungs is None else max(2, int(rungs))
    ladder = np.interp(np.linspace(0.0, 1.0, number), np.linspace(0.0, 1.0, betas.size), betas)
    return np.asarray(ladder)


def bridged(ratios: npt.NDArray[Any]) -> tuple[float, float, float, float]:
    """Return log(Z_1 / Z_0), its standard error, R-hat and effective number of the sum of what the rungs contribute.

    Parameters
    ----------
    ratios : ndarray of shape (sweeps, 2, ladders, rungs)
    """
    value, influence = 0.0, np.zeros((ratios.shape[0], ratios.shape[2]))
    for rung in range(ratios.shape[3] - 1):
        up, down = ratios[:, 0, :, rung], ratios[:, 1, :, rung + 1]
        centre = 0.5 * (float(up.mean()) - float(down.mean()))
        for _ in range(50):
            above, below = expit(up - centre), expit(down + centre)
            moved = math.log(above.mean()) - math.log(below.mean())
            centre += moved
            if abs(moved) < 1e-10:
                break
        value += centre
        influence += above / above.mean() - below / below.mean()
    series = influence.T
    ladders = series.mean(axis=1)
    between = (
        float(ladders.std(ddof=1)) / math.sqrt(ladders.size) * student_widening(ladders.size - 1) if ladders.size > 1 else 0.0
    )
    within = statistics.mcse_mean(series) if series.shape[1] >= 4 else math.inf
    rhat = statistics.rhat(series) if series.shape[1] >= 4 else math.inf
    return value, max(between, within), rhat, statistics.ess_mean(series) if series.shape[1] >= 4 else 0.0


def _warnings(rhat: float, rates: Floats, error: float) -> tuple[str, ...]:
    found = []
    if not rhat <= DISAGREE:
        found.append(f"R-hat {rhat:.2f}: the ladders tell different stories; give more sweeps")
    if rates.min(initial=1.0) < RARELY:
        found.append(f"neighbouring temperatures change places at a rate of {rates.min():.3f}: give more rungs")
    if not math.isfinite(error):
        found.append("too few sweeps for an error")
    return tuple(found)
