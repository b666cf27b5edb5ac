"""What every method of inference is asked: a graph, what was observed, and how much may be spent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from stochinf.engine import stop
from stochinf.engine.driver import Controls
from stochinf.engine.errors import StochinfError
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import Int32s

__all__ = ["Question", "Sampling", "chosen", "ending", "horizon"]

A = TypeVar("A")

DRAWS = 1000
"""Sweeps per chain where nothing else ends a run."""


class Sampling(NamedTuple):
    """How long and how to sample.

    Attributes
    ----------
    chains : int
        0 for as many as suit the method.
    sweeps : int
        Per chain after warm-up; 0 until `controls.stop` ends the run.
    warmup : int
        Sweeps before.
    time : float or None
        Seconds for all, warm-up included.
    entropy : int
    controls : Controls
    mcse : float or None
        Standard error at which to stop, as `controls.stop` has it.
    """

    chains: int
    sweeps: int
    warmup: int
    time: float | None
    entropy: int
    controls: Controls

    mcse: float | None = None

    def within(self, seconds: float) -> Sampling:
        """Return the same with so many seconds in all, counted from the next time that chains are driven."""
        return self._replace(time=seconds, controls=self.controls._replace(stop=ending(seconds, self.mcse)))

    def with_chains(self, number: int) -> Sampling:
        """Return the same with so many chains where none were asked for."""
        return self if self.chains else self._replace(chains=number)


class Question(NamedTuple):
    """A graph with its evidence, and the means.

    Attributes
    ----------
    graph : FactorGraph
    clamped : int32 (V,)
        State index of evidence variables, -1 for free ones.
    sampling : Sampling
    memory : int or None
        Bytes that may be taken; None for a share of what is free.
    order : str
        Of single-site samplers: "scan", "random" or "colours".
    """

    graph: FactorGraph
    clamped: Int32s
    sampling: Sampling
    memory: int | None = None
    order: str = "scan"


def ending(time: float | None, mcse: float | None) -> stop.Rule | None:
    """Return the rule that ends a run after some seconds or at some standard error, None where neither is given."""
    if time is None or mcse is None:
        return stop.seconds(time) if time is not None else stop.mcse(mcse) if mcse is not None else None
    return stop.seconds(time) | stop.mcse(mcse)


def horizon(draws: int | None, time: float | None, mcse: float | None) -> tuple[int, stop.Rule | None]:
    """Return the number of sweeps (0: until a rule ends the run) and the rule."""
    from stochinf.engine.convert import counted

    rule = ending(time, mcse)
    if draws is not None:
        return counted("draws", draws), rule
    return (0 if rule else DRAWS), rule


def chosen(method: Any, methods: Mapping[str, Callable[..., A]]) -> Callable[..., A]:
    """Return the entry of a method in a table of methods.

    Raises
    ------
    StochinfError
        If there is none of that name.
    """
    if not isinstance(method, str) or method not in methods:
        raise StochinfError(f"method = {method!r}: one of {', '.join(map(repr, methods))} is needed")
    return methods[method]
