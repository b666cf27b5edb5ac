r"""Slice sampling, one coordinate after the other.

For each coordinate a level below the density is drawn, :math:`y = \log \pi(x) - E` with E exponential, then a point uniform on
the slice :math:`\{x_j : \log \pi(x) > y\}`: a bracket of width w around :math:`x_j`, put there at random, is stepped out by w
until both ends lie outside, then shrunk towards :math:`x_j` from each point that was drawn outside. Every step moves every
coordinate; no gradient and no acceptance rate are needed. A poor width costs evaluations and nothing else.

During warm-up the widths move until as many brackets are stepped out as are shrunk,
:math:`\log w_j \leftarrow \log w_j + t^{-0.6} (\frac{e}{e + c} - \frac12)`; afterwards they stay.

References
----------
Neal, R. M. (2003). Slice sampling. Annals of Statistics 31(3), figures 3 (stepping out) and 5 (shrinkage).
Tibbits, M. M. et al. (2014). Automated factor slice sampling. J. Comput. Graph. Stat. 23(2), section 2.2: the widths.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.known import dimension
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.random import exponential, uniform
from stochinf.engine.rates import checked_rate, is_open
from stochinf.mcmc.starting import checked_log_density, started

__all__ = ["Slice", "SliceState"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class SliceState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position, widths : ndarray of shape (dim,)
        The widths are relative to the rate.
    stats : ndarray of shape (2,)
        lp; evaluations of the last step.
    adaptation : ndarray of shape (1,)
        Steps of warm-up done; -1: the widths stay.
    nonfinite : ndarray of shape (1,)
        Points whose log density was NaN or +infinity; they count as outside.
    """

    position: Floats
    widths: Floats
    stats: Floats
    adaptation: Floats
    nonfinite: Integers


@part(needs=("log_density",), yields="draws", rate_field="step_size", statistics=("lp", "n_steps"))
class Slice(NamedTuple):
    """Slice sampling with stepping out and shrinkage.

    Parameters
    ----------
    step_size : float or schedule
        Width of a first bracket; NaN begins at 1 and adapts the width of each coordinate during warm-up.
    expansions : int
        How many widths a bracket may grow to.
    adapt : float
        1 adapts the widths during warm-up, 0 keeps them; NaN adapts them where they were left open.

    Raises
    ------
    StochinfError
        If the width or the number of expansions is not positive.

    Examples
    --------
    >>> import stochinf as si
    >>> d = si.sample(si.models.CoinBias(62, 38), kernel=si.mcmc.Slice(), draws=1000, warmup=200, rng=0)
    >>> bool(abs(d["theta"].mean() - 0.618) < 0.01)
    True
    """

    step_size: Any = math.nan
    expansions: int = 100
    adapt: float = math.nan

    def checked(self) -> Slice:
        """Check the numbers."""
        if self.expansions < 1:
            raise StochinfError(f"Slice: expansions = {self.expansions}; a bracket has room for at least one width")
        if not (math.isnan(self.adapt) or self.adapt in (0.0, 1.0)):
            raise StochinfError(f"Slice: adapt = {self.adapt}; 1 adapts the widths during warm-up, 0 keeps them")
        return self._replace(step_size=checked_rate("Slice", "step_size", self.step_size))

    def prepare(self, target: Any) -> Slice:
        """Begin with widths of 1, and adapt them, where they were left open."""
        opened = is_open(self.step_size)
        adapt = float(opened) if math.isnan(self.adapt) else self.adapt
        return Slice(1.0 if opened else self.step_size, self.expansions, adapt)

    def pick(self, target: Any) -> Scan:
        """Move the whole position at every step."""
        return Scan(1)

    def init(self, target: Any, position: Floats | None, streams: Any) -> SliceState:
        """Return the state at a starting point of finite log density."""
        start, log_density = started(self, target, position, streams)
        adaptation = np.array([0.0 if self.adapt == 1.0 else -1.0])
        return SliceState(start, np.ones(start.size), np.array([log_density, 0.0]), adaptation, np.zeros(1, np.int64))

    def begin_sampling(self, target: Any, state: SliceState) -> None:
        """Keep the widths from here on."""
        state.adaptation[0] = -1.0

    def update(self, target: Any, state: SliceState, point: int, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Draw every coordinate from its slice."""
        state.stats[1] = 0.0
        if state.adaptation[0] >= 0.0:
            state.adaptation[0] += 1.0
        for j in range(dimension(target, state.position)):
            self.draw(target, state, j, rate * state.widths[j], rng)

    def draw(self, target: Any, state: SliceState, j: int, width: float, rng: npt.NDArray[np.uint64]) -> None:
        """Draw a coordinate from its slice."""
        here = state.position[j]
        level = state.stats[0] - exponential(rng)
        low = here - width * uniform(rng)
        high = low + width
        room = min(int(self.expansions * uniform(rng)), self.expansions - 1)
        grown = self.stepped(target, state, j, low, -width, level, room)
        grown_up = self.stepped(target, state, j, high, width, level, self.expansions - 1 - room)
        low -= grown * width
        high += grown_up * width
        shrunk = 0
        while True:
            there = low + (high - low) * uniform(rng)
            value = self.height(target, state, j, there)
            if value > level or there == here:
                break
            shrunk += 1
            if there < here:
                low = there
            else:
                high = there
        if value > level:
            state.stats[0] = value
        else:
            state.position[j] = here
        if state.adaptation[0] >= 0.0 and grown + grown_up + shrunk > 0:
            share = (grown + grown_up) / (grown + grown_up + shrunk)
            state.widths[j] *= math.exp((share - 0.5) / state.adaptation[0] ** 0.6)

    def stepped(self, target: Any, state: SliceState, j: int, end: float, width: float, level: float, room: int) -> int:
        """Return by how many widths an end of the bracket moves until it lies outside, at most `room`."""
        steps = 0
        while steps < room and self.height(target, state, j, end + steps * width) > level:
            steps += 1
        return steps

    def height(self, target: Any, state: SliceState, j: int, there: float) -> float:
        """Return the log density with a coordinate moved."""
        state.position[j] = there
        state.stats[1] += 1.0
        return checked_log_density(target, state.position, state.nonfinite)
