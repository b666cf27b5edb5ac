r"""When a run of CMA-ES has nothing more to find: the criteria after which it begins again.

References
----------
Hansen, N. (2016). The CMA evolution strategy: a tutorial. arXiv:1604.00772, appendix B.3.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.optim.black_box.evolution import Distribution, Sample

__all__ = ["Watch", "forget", "new_watch", "nothing_more"]

Floats = npt.NDArray[np.float64]

SMALL_STEP = 1e-12
"""Of the first step size."""
SMALL_DIFFERENCE = 1e-12
"""Between values, and relative to them."""
LARGE_STEP = 1e4
"""Of the first step size: the run goes off to infinity."""


class Watch(NamedTuple):
    """What is watched over the generations of a run.

    Attributes
    ----------
    recent : ndarray of shape (window,)
        Best values of the last generations, in a ring.
    generation, flat, better : ndarray of shape (1,)
        Generations; of these, those in a row whose better three quarters were equal; the last that brought something better.
    levels : ndarray of shape (3,)
        The best value of the run; the median, smoothed, and the least that it has been.
    """

    recent: Floats
    generation: npt.NDArray[np.int64]
    flat: npt.NDArray[np.int64]
    better: npt.NDArray[np.int64]
    levels: Floats


def new_watch(dim: int) -> Watch:
    """Return the watch of a first run."""
    return Watch(
        np.full(10 + 8 * dim, np.inf), np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1, np.int64), np.full(3, np.inf)
    )


@helper()
def forget(watch: Watch) -> None:
    """Begin to watch a new run."""
    watch.generation[0] = 0
    watch.flat[0] = 0
    watch.better[0] = 0
    for k in range(3):
        watch.levels[k] = math.inf


@helper()
def nothing_more(law: Distribution, sample: Sample, population: int, watch: Watch) -> bool:
    """Note a generation; return whether the run has nothing more to find."""
    n = law.mean.size
    best = sample.values[sample.order[0]]
    window = min(watch.recent.size, 10 + math.ceil(30.0 * n / population))
    watch.recent[watch.generation[0] % window] = best
    watch.generation[0] += 1
    if best < sample.values[sample.order[(3 * population) // 4]]:
        watch.flat[0] = 0
    else:
        watch.flat[0] += 1
    return bool(
        watch.flat[0] > 1
        or level(sample, population, watch, window)
        or stuck(law, watch)
        or stagnant(sample, population, watch, n)
    )


@helper()
def level(sample: Sample, population: int, watch: Watch, window: int) -> bool:
    """Whether values differ no more, within the generation and between the last ones."""
    if watch.generation[0] < window:
        return False
    least, most = math.inf, -math.inf
    for k in range(window):
        least = min(least, watch.recent[k])
        most = max(most, watch.recent[k])
    close = SMALL_DIFFERENCE + 2e-16 * abs(least)
    worst = sample.values[sample.order[population - 1]]
    return bool(most - least <= close or max(worst, most) - least <= 10.0 * close)


@helper()
def stuck(law: Distribution, watch: Watch) -> bool:
    """Whether the steps have become too small to matter, too large to make sense, or lost in rounding."""
    n = law.mean.size
    small = True
    axis = watch.generation[0] % n
    moved = False
    for i in range(n):
        deviation = law.sigma[0] * math.sqrt(law.covariance[i, i])
        first = law.sigma[1] * law.scales[i]
        if deviation > SMALL_STEP * first or law.sigma[0] * abs(law.path_c[i]) > SMALL_STEP * first:
            small = False
        if deviation > LARGE_STEP * first or law.mean[i] == law.mean[i] + 0.2 * deviation:
            return True
        if law.mean[i] != law.mean[i] + 0.1 * law.sigma[0] * law.lengths[axis] * law.axes[i, axis]:
            moved = True
    return small or not moved


@helper()
def stagnant(sample: Sample, population: int, watch: Watch, n: int) -> bool:
    """Whether neither the best value nor the smoothed median has fallen for long."""
    best, median = sample.values[sample.order[0]], sample.values[sample.order[population // 2]]
    if best < watch.levels[0]:
        watch.levels[0] = best
        watch.better[0] = watch.generation[0]
    if math.isfinite(median):
        smoothed = watch.levels[1]
        watch.levels[1] = median if math.isinf(smoothed) else 0.9 * smoothed + 0.1 * median
        if watch.levels[1] < watch.levels[2]:
            watch.levels[2] = watch.levels[1]
            watch.better[0] = watch.generation[0]
    patience = 100.0 + 100.0 * n**1.5 / population + 0.2 * watch.generation[0]
    return bool(watch.generation[0] - watch.better[0] > patience)
