"""Whether chains would start in basins of unequal mass: climbs from many points, and the evidence where they end.

A sampler that follows a gradient stays for ever in a mode of a mixture or a hidden Markov model that holds e^-60 of the mass, if
it starts on its slope. Short climbs by L-BFGS cost a hundredth of the run. Where their heights differ, they go on until they
settle, and are weighed by the evidence lower bound of the best normal approximation on the last stretch of the way.

A climb may also stop far below on a saddle, from which it reaches the same mode when it goes on. A chain that starts there
comes down on one side or the other by chance, and may end in a mode without mass: it starts past the saddle instead.

References
----------
Zhang, L., Carpenter, B., Gelman, A. and Vehtari, A. (2022). Pathfinder: parallel quasi-Newton variational inference. JMLR
23(306), section 3.5.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.vi.ascent import Path, climb
from stochinf.vi.oracle import Oracle
from stochinf.vi.paths import Candidate, candidates, judged

__all__ = ["Basin", "dominant", "look", "past_saddles"]

Floats = npt.NDArray[np.float64]

CLIMBS, STEPS, MEMORY = 12, 60, 6
FURTHER = 300
EXPECTED = 0.2
"""Twice the gain that a step may still promise at a mode; climbs that come no nearer in their steps do not count."""
GAP = 20.0
"""Logarithm of the ratio of masses from which the smaller is not worth a chain, and of densities from which modes differ."""
MOST_WEIGHED = 4


class Basin(NamedTuple):
    """The basin that outweighs others by far.

    Attributes
    ----------
    candidate : Candidate
        A normal approximation.
    gap : float
        Logarithm of its mass over that of the lightest basin found.
    share : float
        Share of the climbs that ended far below it.
    """

    candidate: Candidate
    gap: float
    share: float


def look(oracle: Oracle, starts: Floats, generator: np.random.Generator) -> list[Path]:
    """Return short climbs from the first starts, and from others that are drawn if these are few.

    Parameters
    ----------
    oracle : Oracle
    starts : ndarray of shape (n, dim)
        Where the log density is finite.
    generator : Generator
    """
    more = [oracle.start(generator) for _ in range(CLIMBS - len(starts))]
    return [_short(oracle, start) for start in [*starts[:CLIMBS], *more]]


def _short(oracle: Oracle, start: Floats) -> Path:
    return climb(oracle, start, STEPS, EXPECTED, gain=0.0, memory=MEMORY)


def past_saddles(oracle: Oracle, starts: Floats, climbs: list[Path]) -> dict[int, Floats]:
    """Return other starting points for starts whose climbs stop on a saddle, by their row in `starts`.

    A climb has stopped on a saddle if it ends lower than another by the gap, and comes to within the gap of the highest when it
    goes on; its first point there is the one to start from. Climbs that end in modes of their own are left alone.

    Parameters
    ----------
    oracle : Oracle
    starts : ndarray of shape (n, dim)
    climbs : list of Path
        From `look`.
    """
    top = max((path.values[-1] for path in climbs if path.settled), default=-np.inf)
    found: dict[int, Floats] = {}
    if not any(path.settled and path.values[-1] < top - GAP for path in climbs):
        return found
    for row, start in enumerate(starts):
        path = climbs[row] if row < CLIMBS else _short(oracle, start)
        if path.settled and path.values[-1] < top - GAP:
            further = climb(oracle, path.positions[-1], FURTHER)
            if further.values[-1] > top - GAP:
                found[row] = further.positions[int(np.argmax(further.values > further.values[-1] - GAP))]
    return found


def dominant(oracle: Oracle, climbs: list[Path], generator: np.random.Generator) -> Basin | None:
    """Return the basin of the largest mass where climbs end in basins of very unequal mass, else None.

    Parameters
    ----------
    oracle : Oracle
    climbs : list of Path
        From `look`.
    generator : Generator
    """
    paths = [path for path in climbs if path.settled]
    if len(paths) < 2:
        return None
    groups = _groups(np.array([path.values[-1] for path in paths]))
    if len(groups) < 2:
        return None
    further = [climb(oracle, paths[group[0]].positions[-1], FURTHER) for group in groups[:MOST_WEIGHED]]
    top = max(path.values[-1] for path in further)
    if all(top - path.values[-1] < GAP for path in further if path.settled):
        return None
    weighed = [
        (_weight(oracle, path, generator), len(group)) for path, group in zip(further, groups, strict=False) if path.settled
    ]
    known = [(found, size) for found, size in weighed if found is not None]
    if len(known) < 2:
        return None
    (best, bound), _ = max(known, key=lambda pair: pair[0][1])
    below = [(value, size) for (_, value), size in known if value < bound - GAP]
    if not below:
        return None
    return Basin(best, bound - min(value for value, _ in below), sum(size for _, size in below) / len(paths))


def _groups(ends: Floats) -> list[list[int]]:
    """Return climbs by where they end, the highest first; heights less than the gap apart belong together."""
    order = np.argsort(-ends)
    groups = [[int(order[0])]]
    for k in order[1:]:
        if ends[groups[-1][0]] - ends[k] < GAP:
            groups[-1].append(int(k))
        else:
            groups.append([int(k)])
    return groups


def _weight(oracle: Oracle, path: Path, generator: np.random.Generator) -> tuple[Candidate, float] | None:
    found = candidates(path.positions, path.gradients)
    return judged(oracle, found, generator) if found else None
