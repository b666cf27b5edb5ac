r"""Annealed importance sampling: each lane is a particle that is cooled, and weighed at every step of the temperature.

With :math:`p_\beta(x) \propto \exp(\beta L(x))`, a particle :math:`x_0` from :math:`p_{\beta_0}` and sweeps of Gibbs sampling
at :math:`\beta_1, ..., \beta_T`,

.. math:: \log w = \sum_{t=1}^T (\beta_t - \beta_{t-1}) L(x_{t-1}),    E[w] = Z_{\beta_T} / Z_{\beta_0},

whichever way the temperatures go: from 0 to 1 the mean weight estimates :math:`Z / Z_0`, from 1 to 0 its inverse.

References
----------
Neal, R. M. (2001). Annealed importance sampling. Statistics and Computing 11, equation 3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.graphs.lane_state import check_states
from stochinf.graphs.targets import SpinGraph, TableGraph
from stochinf.graphs.tempering.moves import SpinMove, TableMove

__all__ = ["AnnealedImportance", "ParticleState", "Steps"]

NO_STEPS = np.zeros(1)


class ParticleState(NamedTuple):
    """State of a block of particles.

    Attributes
    ----------
    position : (V, lanes)
        float32 spins, or int32 state indices.
    stats : float64 (0, lanes)
    words : uint32 (2, lanes)
    potential, level, offset : ndarray
        Work space, as in `stochinf.graphs.lane_state.LaneState`.
    beta : float32 (lanes,)
        The inverse temperature, the same in every lane.
    score : float64 (lanes,)
        L of each particle when the temperature last changed.
    log_weight : float64 (lanes,)
    clock : int64 (1,)
        Steps until the temperature changes.
    """

    position: npt.NDArray[Any]
    stats: npt.NDArray[np.float64]
    words: npt.NDArray[np.uint32]
    potential: npt.NDArray[np.float32]
    level: npt.NDArray[np.float32]
    offset: npt.NDArray[np.int32]
    beta: npt.NDArray[np.float32]
    score: npt.NDArray[np.float64]
    log_weight: npt.NDArray[np.float64]
    clock: npt.NDArray[np.int64]


@part
class Steps(NamedTuple):
    """Schedule: each value for `period` steps, the last one for ever."""

    values: npt.NDArray[np.float64] = NO_STEPS
    period: int = 1

    def prepare(self, target: Any) -> Steps:
        """Return a copy with values of its own."""
        return Steps(self.values.copy(), self.period)

    def at(self, step: int) -> float:
        """Return the value of a step."""
        return float(self.values[min(step // self.period, self.values.size - 1)])


@part(lanes=True, single=True, rate_field="inverse_temperature")
class AnnealedImportance(NamedTuple):
    """Annealed importance sampling of a factor graph; `stochinf.graphs.annealed.annealed_importance` runs it.

    Parameters
    ----------
    inverse_temperature : schedule
        One value per sweep.
    first : float
        The inverse temperature that the particles are drawn at: 0 (uniform) or 1.
    move : part
        What particles do between weighings; the default is Gibbs sampling.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.graphs.annealed.kernel import AnnealedImportance, Steps
    >>> graph = si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]])
    >>> kernel = AnnealedImportance(Steps(np.linspace(0.01, 1, 100), 2))
    >>> si.run(kernel, graph, steps=200, chains=64, observer=si.observers.Nothing(), rng=0).n_steps
    200
    """

    inverse_temperature: Any = 1.0
    first: float = 0.0
    move: Any = 0

    def prepare(self, target: Any) -> AnnealedImportance:
        """Choose the moves for the kind of graph."""
        if not isinstance(self.move, int):
            return self
        if isinstance(target, SpinGraph):
            return self._replace(move=SpinMove())
        if isinstance(target, TableGraph):
            return self._replace(move=TableMove())
        raise StochinfError(f"AnnealedImportance: a FactorGraph is needed, not {type(target).__name__}")

    def init(self, target: Any, position: Any, streams: Any) -> ParticleState:
        """Return uniform states or those given, all of weight 1."""
        start, states = self.move.begin(target, position, streams)
        lanes = start.shape[1]
        demand(8 * start.size, f"{lanes} particles of {start.shape[0]} variables")
        return ParticleState(
            start, np.empty((0, lanes)), streams.lane_words(), np.empty((states, lanes), np.float32),
            np.empty(lanes, np.float32), np.empty(lanes, np.int32), np.full(lanes, self.first, np.float32), np.zeros(lanes),
            np.zeros(lanes), np.zeros(1, np.int64),
        )  # fmt: skip

    def check_state(self, target: Any, state: Any) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        """Draw one variable in every particle; before each sweep, weigh and change the temperature."""
        if state.clock[0] == 0:
            state.clock[0] = target.free.size
            self.move.weigh(target, state)
            beta = np.float32(rate)
            for l in range(state.beta.size):
                state.log_weight[l] += (np.float64(beta) - np.float64(state.beta[l])) * state.score[l]
                state.beta[l] = beta
        state.clock[0] -= 1
        self.move.draw(target, state, point)
