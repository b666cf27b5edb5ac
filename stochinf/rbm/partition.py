"""The ways to a machine's partition function by name."""

from __future__ import annotations

import math
import time as clock
import warnings
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.driver import Controls
from stochinf.engine.errors import ConvergenceWarning, StochinfError
from stochinf.rbm.annealing import Annealing, annealed
from stochinf.rbm.answers import LogPartition
from stochinf.rbm.exact import affordable, exact_log_partition
from stochinf.rbm.machine import Machine
from stochinf.rbm.sampling import based
from stochinf.rbm.tempering import Tempering, tempered

__all__ = ["Asked", "answered", "binarised"]

Floats = npt.NDArray[np.float64]

METHODS = ("auto", "exact", "ais", "tempering")


class Asked(NamedTuple):
    """Numbers of the methods."""

    particles: int
    temperatures: Any
    reverse: bool
    ladders: int
    rungs: int | None
    sweeps: int


def answered(
    machine: Machine, method: str, asked: Asked, known: bool, entropy: int, controls: Controls | None = None
) -> LogPartition:
    """Return the log partition function by a method; warn where it is not to be trusted.

    Parameters
    ----------
    machine : Machine
    method : str
    asked : Asked
    known : bool
        Whether the machine's base-rate model is that of its data; else one is found.
    entropy : int
    controls : Controls, optional
    """
    if method not in METHODS:
        raise StochinfError(f"method = {method!r}: one of {', '.join(map(repr, METHODS))} is needed")
    if method == "exact" or (method == "auto" and affordable(machine)):
        began = clock.perf_counter()
        value = exact_log_partition(machine)
        reason = f"every state of the smaller side of {machine.n_visible} by {machine.n_hidden} units listed"
        return LogPartition(
            value=value, mcse=0.0, method="exact", reason=reason, reverse=value, seconds=clock.perf_counter() - began,
            rng_entropy=entropy,
        )  # fmt: skip
    machine = machine if known else based(machine, entropy + 3)
    answer = estimated(machine, method, asked, entropy, controls)
    for warning in answer.warnings:
        warnings.warn(f"log_partition: {warning}", ConvergenceWarning, stacklevel=3)
    return answer


def estimated(machine: Machine, method: str, asked: Asked, entropy: int, controls: Controls | None) -> LogPartition:
    """Anneal, temper, or anneal and where that warns temper, and anneal again from the base-rate model that this found."""
    tempering = Tempering(asked.ladders, asked.rungs, asked.sweeps)
    if method == "tempering":
        return tempered(machine, tempering, entropy, controls)
    annealing = Annealing(asked.particles, asked.temperatures, asked.reverse)
    first = annealed(machine, annealing, entropy, controls)
    if method == "ais" or not first.warnings:
        return first
    second = tempered(machine, tempering, entropy, controls)
    third = annealed(machine._replace(base=second.facts["base"]), annealing, entropy + 5, controls)
    return above(better(third, second), first)


def above(best: LogPartition, first: LogPartition) -> LogPartition:
    """Return the best answer, its error widened where the first one is higher: annealing that misses a mode falls short."""
    rise = first.value - best.value
    doubt = rise if rise > 2.0 * math.hypot(best.mcse, first.mcse) else 0.0
    told = f"annealing from the first base-rate model gave {first.value:.3f}, {first.ess:.1f} particles effective"
    notes = (*best.warnings, f"{told}: more, so the error covers both") if doubt else best.warnings
    return replace(
        best, mcse=max(best.mcse, doubt), reason=f"{best.reason}; {told}", warnings=notes, seconds=best.seconds + first.seconds
    )


def better(first: LogPartition, second: LogPartition) -> LogPartition:
    """Return the answer of smaller error, its error widened where both differ by more than they admit."""
    best, other = (second, first) if second.mcse <= first.mcse else (first, second)
    apart = abs(first.value - second.value)
    doubt = apart if not apart <= 2.0 * math.hypot(first.mcse, second.mcse) else 0.0
    told = f"{other.method} gives {other.value:.3f} +- {other.mcse:.2g}"
    notes = best.warnings
    if doubt:
        notes = (*notes, f"{best.method} gives {best.value:.2f}, {told}: they disagree, the error covers both")
    return replace(
        best, mcse=max(best.mcse, doubt), reason=f"{best.reason}; {told}", warnings=notes, seconds=first.seconds + second.seconds,
        reverse=first.reverse,
    )  # fmt: skip


def binarised(machine: Machine, rows: Floats, binarise: str | None, entropy: int) -> tuple[Floats, str]:
    """Return rows that the units can be in, and how they came about."""
    if binarise not in (None, "threshold", "sample"):
        raise StochinfError(f"binarise = {binarise!r}: None, 'threshold' or 'sample' is needed")
    units = machine.visible.units
    if units.has_precision or hasattr(units, "n_states"):
        return rows, "none: rows as given"
    low, high = units.bounds
    fitting = bool(((rows == low) | (rows == high)).all())
    if binarise is None and not fitting:
        raise StochinfError(
            f"log_likelihood: X has values other than {low:g} and {high:g}; binarise it, or say binarise='threshold' or 'sample'"
        )
    if fitting:
        return rows, f"none: rows as given, all {low:g} or {high:g}"
    share = (rows - low) / (high - low)
    if binarise == "threshold":
        return np.where(share > 0.5, high, low), f"thresholded at {0.5 * (low + high):g}"
    chance = np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy, spawn_key=(7,))))
    return np.where(chance.random(rows.shape) < share, high, low), f"sampled once with rng_entropy {entropy}"
