"""Where chains start: at given places, at a point's names, at an approximation, or at draws tried until one will do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import DensityError, StochinfError
from stochinf.engine.loop import evaluate
from stochinf.engine.rates import prepared
from stochinf.engine.streams import Streams
from stochinf.engine.target import starting_positions

__all__ = ["TRIES", "starts"]

Floats = npt.NDArray[np.float64]

TRIES = 100
"""Starting points that are drawn before a chain gives up."""
APPROXIMATIONS = ("laplace", "pathfinder")


def starts(model: Any, target: Any, kernel: Any, init: Any, chains: int, entropy: int) -> tuple[Any, list[str]]:
    """Return starting positions for `stochinf.run`, and what is to be told of them.

    Parameters
    ----------
    model, target, kernel : object, part, part
        As the user gave them, and as compiled code sees them.
    init : array, dict, list of dicts, str, approximation or None
        As `stochinf.sample` takes it.
    chains : int
    entropy : int
        Of the run; the points tried are the first numbers of each chain's own stream.

    Returns
    -------
    positions : ndarray of shape (dim,) or (chains, dim), or None
        None leaves the choice to the kernel, whose first choice will do.
    notes : list of str

    Raises
    ------
    StochinfError
        If a point does not fit the model, or no point of finite log density was found.
    """
    if init is None:
        return _drawn(target, kernel, chains, entropy)
    if isinstance(init, str) and init in APPROXIMATIONS:
        return _approximate(model, init, chains, entropy)
    if hasattr(init, "starts"):
        return init.starts(chains, np.random.default_rng(_seed(entropy))), []
    if isinstance(init, Mapping):
        return _by_name(model, init), []
    if isinstance(init, Sequence) and init and all(isinstance(point, Mapping) for point in init):
        return starting_positions(np.stack([_by_name(model, point) for point in init]), chains), []
    return starting_positions(init, chains), []


def _by_name(model: Any, point: Mapping[str, Any]) -> Floats:
    """Return the position of a point given by name."""
    if not hasattr(model, "unconstrain"):
        raise StochinfError(f"init: a point by name, and {type(model).__name__} has no names for its position; give an array")
    return np.asarray(model.unconstrain(point), dtype=np.float64)


def _seed(entropy: int) -> np.random.SeedSequence:
    return Streams(entropy, 0, 1).seed("approximation")


def _approximate(model: Any, method: str, chains: int, entropy: int) -> tuple[Floats, list[str]]:
    from stochinf import vi

    found = getattr(vi, method)(model, draws=max(100, 10 * chains), rng=_seed(entropy))
    return found.starts(chains, np.random.default_rng(_seed(entropy))), [f"chains start at draws of {method}: {found.quality}"]


def _drawn(target: Any, kernel: Any, chains: int, entropy: int) -> tuple[Floats | None, list[str]]:
    """Draw each chain's starting point as the kernel would, and anew where the log density there is not finite."""
    ready = prepared(kernel, target)
    judged = {"log_density", "log_density_gradient"} & set(getattr(ready, "needs", ()))
    if getattr(ready, "lanes", False) or not judged or not hasattr(target, "start"):
        return None, []
    found = [_first_finite(target, ready, Streams(entropy, chain, 1).generator()) for chain in range(chains)]
    points = np.stack([point for point, _ in found])
    again = [chain for chain, (_, tries) in enumerate(found) if tries > 1]
    times = sum(tries for _, tries in found) - chains
    anew = f"starting points of {_chains(again)} were drawn anew, {times} times in all: the log density was not finite there"
    better, notes = _surveyed(target, ready, points, entropy) or (points if again else None, [])
    return better, [*([anew] if again else []), *notes]


def _chains(which: list[int]) -> str:
    return f"chain{'s' if len(which) > 1 else ''} {', '.join(map(str, which[:8]))}{', ...' if len(which) > 8 else ''}"


def _surveyed(target: Any, kernel: Any, points: Floats, entropy: int) -> tuple[Floats, list[str]] | None:
    """Return better starting points than these where climbs show that some lead astray, None where they will do."""
    needed = "log_density_gradient" in getattr(kernel, "needs", ()) and hasattr(target, "failure")
    if not needed:
        return None
    from stochinf.vi.basins import dominant, look, past_saddles
    from stochinf.vi.oracle import Oracle

    generator, oracle = np.random.default_rng(_seed(entropy)), Oracle("sample", target)
    try:
        climbs = look(oracle, points, generator)
        basin = dominant(oracle, climbs, generator)
        moved = {} if basin is not None else past_saddles(oracle, points, climbs)
    except DensityError:
        return None  # the run will meet it, and keep what was drawn before
    if basin is not None:
        return _in_basin(target, kernel, basin, generator.standard_normal(points.shape))
    return _moved(points, moved) if moved else None


def _moved(points: Floats, moved: dict[int, Floats]) -> tuple[Floats, list[str]]:
    """Return starting points, some of them past a saddle."""
    better = points.copy()
    for chain, point in moved.items():
        better[chain] = point
    note = (
        f"climbs from the starting points of {_chains(sorted(moved))} stop on a saddle far below a mode that lies past it;"
        " these chains start past it"
    )
    return better, [note]


def _in_basin(target: Any, kernel: Any, basin: Any, noise: Floats) -> tuple[Floats, list[str]]:
    """Return draws of the approximation of a basin, its centre in place of those where the log density is not finite."""
    draws, _ = basin.candidate.draw(noise)
    finite = [math.isfinite(_log_density(target, kernel, draw)) for draw in draws]
    note = (
        f"climbs lead to modes of unequal mass, {basin.share:.0%} of them to those with e^-{basin.gap:.0f} of the largest;"
        " chains start in that one"
    )
    return np.where(np.array(finite)[:, np.newaxis], draws, basin.candidate.mean), [note]


def _first_finite(target: Any, kernel: Any, generator: np.random.Generator) -> tuple[Floats, int]:
    """Return a starting point of finite log density, and how many were tried."""
    before: Floats | None = None
    for tries in range(1, TRIES + 1):
        start = np.array(target.start(generator), dtype=np.float64).reshape(-1)
        value = _log_density(target, kernel, start)
        if math.isfinite(value):
            return start, tries
        if before is not None and np.array_equal(start, before):
            break
        before = start
    why = target.doubt(start) if hasattr(target, "doubt") else ""
    others = f", and not finite at {tries - 1} others that were tried" if tries > 1 else ""
    raise StochinfError(
        f"{type(kernel).__name__}: the log density at the starting point {_shown(start)} is {value}{others}{why};"
        " give init= where it is finite, or look whether the model allows any such point"
    )


def _log_density(target: Any, kernel: Any, start: Floats) -> float:
    """Return the log density of a point, NaN where the kernel needs a gradient that is not finite."""
    if hasattr(target, "failure"):
        slope = np.zeros(start.size)
        needed = "log_density_gradient" in getattr(kernel, "needs", ()) and target.offers("log_density_gradient")
        value = target.log_density_gradient(start, slope) if needed else target.log_density(start)
        failure = target.failure()
        if failure is not None:
            raise failure
        return float(value) if np.isfinite(slope).all() else math.nan
    return float(evaluate(target, start))


def _shown(position: Floats) -> str:
    return np.array2string(position, precision=4, threshold=8)
