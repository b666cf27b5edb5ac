r"""The no-U-turn sampler.

A momentum is drawn and the leapfrog trajectory doubled forwards or backwards in time until it turns back; one of its points,
chosen by weight, is the draw. Step size and metric are learnt during warm-up. See `stochinf.mcmc.doubling` for the trajectory,
`stochinf.mcmc.hamiltonian` for the metric, `stochinf.mcmc.adaptation.warmup` for warm-up.

References
----------
Hoffman, M. D. and Gelman, A. (2014). The No-U-Turn sampler. JMLR 15.
Betancourt, M. (2017). A conceptual introduction to Hamiltonian Monte Carlo.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.mcmc.adaptation import warmup
from stochinf.mcmc.adaptation.metric import as_metric
from stochinf.mcmc.adaptation.step_size import SEARCH, nominal, search, step_size
from stochinf.mcmc.adaptation.warmup import adapt
from stochinf.mcmc.arguments import aim_of, checked_arguments, open_rate
from stochinf.mcmc.doubling import ACCEPTED, begin, double, finish, learnable, record, record_tree
from stochinf.mcmc.hamiltonian import LP, TREE_STATISTICS, HamiltonianState, new_state

__all__ = ["NUTS"]

Floats = npt.NDArray[np.float64]

DEEPEST = 20


@part(needs=("log_density_gradient",), yields="draws", rate_field="step_size", statistics=TREE_STATISTICS, single=True)
class NUTS(NamedTuple):
    """The no-U-turn sampler: Hamiltonian Monte Carlo that chooses its own number of steps.

    Parameters
    ----------
    step_size : float or schedule
        Step of the leapfrog in whitened coordinates; NaN finds it during warm-up, and jitters it by 10 %.
    target_acceptance : float
        Mean acceptance aimed at during warm-up; NaN takes 0.8. A step size that is given is kept unless this is given too.
    max_depth : int
        Most doublings: at most 2**max_depth - 1 steps for a draw.
    metric : str, array or Metric
        "diagonal", "low_rank", "dense", or "auto": as many directions beside the diagonal as are worth it. An array, the inverse
        mass matrix of shape (dim,) or (dim, dim), stays as it is.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.density import python_density
    >>> normal = python_density(lambda x: -0.5 * float(x @ x), dim=2, gradient=lambda x: -x)
    >>> d = si.sample(normal, draws=200, warmup=100, chains=2, kernel=si.mcmc.NUTS(), rng=0)
    >>> d["position"].shape, bool(d.stats["diverging"].any())
    ((2, 200, 2), False)
    """

    step_size: Any = math.nan
    target_acceptance: float = math.nan
    max_depth: int = 10
    metric: Any = "auto"

    def checked(self) -> NUTS:
        """Check the step size, the acceptance, the depth and the name of a metric."""
        if not 1 <= self.max_depth <= DEEPEST:
            raise StochinfError(f"NUTS: max_depth = {self.max_depth}; from 1 to {DEEPEST} is needed")
        return checked_arguments(self)  # type: ignore[no-any-return]

    def prepare(self, target: Any) -> NUTS:
        """Choose what was left open."""
        metric = as_metric("NUTS", self.metric, int(getattr(target, "dim", 1)))
        return NUTS(open_rate(self), aim_of(self, 0.8), self.max_depth, metric)

    @property
    def blas(self) -> bool:
        """Whether matrices of the metric may be large enough for BLAS to use threads."""
        return bool(self.metric.rank > warmup.SMALL)

    def pick(self, target: Any) -> Scan:
        """Move the whole position at every step."""
        return Scan(1)

    def init(self, target: Any, position: Floats | None, streams: Any) -> HamiltonianState:
        """Return the state at a starting point where log density and gradient are finite."""
        return new_state(self, target, position, streams, self.max_depth)

    def begin_warmup(self, target: Any, state: HamiltonianState, steps: int) -> None:
        """Lay out a warm-up of so many steps."""
        warmup.begin_warmup(self, state, steps)

    def next_review(self, target: Any, state: HamiltonianState, step: int, steps: int) -> int:
        """Return the step of warm-up after `step` at which the run stops for the metric."""
        return warmup.next_review(self.metric, step, steps)

    def review(self, target: Any, state: HamiltonianState) -> None:
        """Work the metric out anew."""
        warmup.review(self.metric, state)

    def begin_sampling(self, target: Any, state: HamiltonianState) -> None:
        """Keep step size and metric from here on."""
        warmup.begin_sampling(state)

    def notes(self, states: list[HamiltonianState]) -> tuple[str, ...]:
        """Say which metric and step size the chains have."""
        return warmup.notes(states)

    def update(self, target: Any, state: HamiltonianState, point: int, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Draw a momentum, double the trajectory until it turns, and take one of its points.

        While a step size is looked for, trajectories of one step are made from the same position and not taken.
        """
        while True:
            searching = state.tuning[SEARCH] != 0.0
            step = rate * step_size(state.tuning, rng)
            begin(state, state.stats[LP], rng)
            deepest = 1 if searching else self.max_depth
            depth = 0
            while depth < deepest and double(target, state, depth, step, rng):
                depth += 1
            if not searching:
                break
            search(state.tuning, state.figures[ACCEPTED])
        finish(state)
        record(state, step, rate * nominal(state.tuning))
        record_tree(state, self.max_depth)
        adapt(state, learnable(state.figures))
