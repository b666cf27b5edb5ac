"""What every method of inference is asked: a graph, what was observed, and how much may be spent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from stochinf.engine import stop
from stochinf.engine.driver import Controls
from stochinf.engine.errors import StochinfError
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import Int32s

__all__ = ["Question", "Sampling", "chosen", "horizon"]

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
    """

    chains: int
    sweeps: int
    warmup: int
    time: float | None
    entropy: int
    controls: Controls

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


def horizon(draws: int | None, time: float | None, mcse: float | None) -> tuple[int, stop.Rule | None]:
    """Return the number of sweeps (0: until a rule ends the run) and the rule."""
    from stochinf.engine.convert import counted

    rules = [rule for rule in (None if time is None else stop.seconds(time), None if mcse is None else stop.mcse(mcse)) if rule]
    rule = None if not rules else rules[0] if len(rules) == 1 else rules[0] | rules[1]
    if draws is not None:
        return counted("draws", draws), rule
    return (0 if rules else DRAWS), rule


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
