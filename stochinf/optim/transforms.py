r"""Transforms of the gradient: what stands between the gradient :math:`g` and the step :math:`w \leftarrow w - \eta g`.

A transform is a part with `init(dim) -> memory` and a compiled `apply(position, gradient, memory)` that changes the gradient in
place. `chain(clip(1.0), momentum(0.9), weight_decay(1e-4))` applies them in order; each keeps its own memory, nested as the
chain is. A transform that may run on sparse data says so: `@stochinf.kernel(sparse=True)`.

References
----------
Polyak, B. T. (1964). Some methods of speeding up the convergence of iteration methods, equation (9): momentum.
Sutskever, I. et al. (2013). On the importance of initialization and momentum in deep learning. ICML, equations (1), (2).
Pascanu, R., Mikolov, T. and Bengio, Y. (2013). On the difficulty of training recurrent neural networks. ICML, algorithm 1:
clipping.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.optim.contract import Move, NoMemory, Plain, Turning, check_transform, flushed

__all__ = [
    "Chain", "ChainMemory", "Clip", "Identity", "Momentum", "NoMemory", "RunningAverage", "Velocity", "chain",
    "clip", "complete", "leaves", "momentum",
]  # fmt: skip

Floats = npt.NDArray[np.float64]


class Velocity(NamedTuple):
    """The memory of momentum, shape (dim,)."""

    velocity: Floats


class ChainMemory(NamedTuple):
    """The memories of two transforms."""

    first: Any
    second: Any


@part(sparse=True)
class Identity(NamedTuple):
    """Leave the gradient as it is."""

    unused: int = 0

    def init(self, dim: int) -> NoMemory:
        """Return no memory."""
        return NoMemory(np.zeros(0))

    def apply(self, position: Floats, gradient: Floats, memory: NoMemory) -> None:
        """Do nothing."""


@part
class Clip(NamedTuple):
    """Shorten gradients longer than `limit` to that length; the length is Euclidean, over all coordinates."""

    limit: float = 1.0

    def checked(self) -> Clip:
        """Check the limit."""
        if not self.limit > 0:
            raise StochinfError(f"clip({self.limit}): a positive length is needed")
        return self

    def init(self, dim: int) -> NoMemory:
        """Return no memory."""
        return NoMemory(np.zeros(0))

    def apply(self, position: Floats, gradient: Floats, memory: NoMemory) -> None:
        """Measure and shorten."""
        total = 0.0
        for j in range(gradient.size):
            total += gradient[j] * gradient[j]
        length = math.sqrt(total)
        if length > self.limit:
            for j in range(gradient.size):
                gradient[j] *= self.limit / length


@part
class Momentum(NamedTuple):
    """Replace the gradient by a velocity, v <- decay v + g, from v = 0: the step is w <- w - rate v."""

    decay: float = 0.9

    def checked(self) -> Momentum:
        """Check the decay."""
        if not 0 <= self.decay < 1:
            raise StochinfError(f"momentum({self.decay}): a number of at least 0 and below 1 is needed")
        return self

    def init(self, dim: int) -> Velocity:
        """Return a velocity of zero."""
        return Velocity(np.zeros(dim))

    def apply(self, position: Floats, gradient: Floats, memory: Velocity) -> None:
        """Update the velocity and hand it on."""
        for j in range(gradient.size):
            v = flushed(self.decay * memory.velocity[j] + gradient[j])
            memory.velocity[j] = v
            gradient[j] = v


@part
class RunningAverage(NamedTuple):
    """Replace the gradient by its running average, a <- decay a + (1 - decay) g, from a = 0."""

    decay: float = 0.9

    def checked(self) -> RunningAverage:
        """Check the decay."""
        if not 0 <= self.decay < 1:
            raise StochinfError(f"momentum({self.decay}): a number of at least 0 and below 1 is needed")
        return self

    def init(self, dim: int) -> Velocity:
        """Return an average of zero."""
        return Velocity(np.zeros(dim))

    def apply(self, position: Floats, gradient: Floats, memory: Velocity) -> None:
        """Renew the average and hand it on."""
        for j in range(gradient.size):
            a = flushed(self.decay * memory.velocity[j] + (1.0 - self.decay) * gradient[j])
            memory.velocity[j] = a
            gradient[j] = a


@part
class Chain(NamedTuple):
    """Two transforms, one after the other; either may be a chain."""

    first: Any
    second: Any

    def init(self, dim: int) -> ChainMemory:
        """Return both memories."""
        return ChainMemory(self.first.init(dim), self.second.init(dim))

    def look(self, position: Floats, memory: ChainMemory) -> None:
        """Let both look ahead."""
        self.first.look(position, memory.first)
        self.second.look(position, memory.second)

    def direct(self, position: Floats, gradient: Floats, memory: ChainMemory, move: Move) -> None:
        """Apply the first, then the second."""
        self.first.direct(position, gradient, memory.first, move)
        self.second.direct(position, gradient, memory.second, move)

    def descend(self, position: Floats, gradient: Floats, memory: ChainMemory, move: Move) -> None:
        """Apply the first, then the second, and move."""
        self.first.direct(position, gradient, memory.first, move)
        self.second.descend(position, gradient, memory.second, move)


def chain(*transforms: Any) -> Any:
    """Return transforms applied in order, the first first; with a rule among them, the rule that has them all.

    Parameters
    ----------
    *transforms : part
        With `init` and `apply` or `direct`; a chain is one too. A rule such as `Momentum(0.01)` stands for its transform and
        gives the learning rate.

    Returns
    -------
    Chain
        Or the transform itself where there is only one; or an `SGD` with the rule's learning rate.

    Raises
    ------
    StochinfError
        If one of them is no transform, none is given, or more than one is a rule.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.chain(si.optim.clip(1.0), si.optim.momentum(0.9))
    Chain(first=Clip(limit=1.0), second=Momentum(decay=0.9))
    >>> si.optim.chain(si.optim.clip(1.0), si.optim.Momentum(0.01)).learning_rate
    0.01
    """
    if not transforms:
        raise StochinfError("chain(): at least one transform is needed, for example momentum(0.9)")
    rules = [part for part in transforms if hasattr(part, "as_transform")]
    if rules:
        return _chained_rule(rules, transforms)
    for transform in transforms:
        check_transform("chain", transform)
    if len(transforms) == 1:
        return transforms[0]
    return Chain(transforms[0], chain(*transforms[1:]))


def _chained_rule(rules: list[Any], parts: tuple[Any, ...]) -> Any:
    from stochinf.optim.sgd import SGD

    if len(rules) > 1:
        raise StochinfError(f"chain: {len(rules)} rules with a learning rate each; one at most, the rest transforms")
    rate = rules[0].given_rate()
    return SGD(rate, chain(*(part.as_transform() if part is rules[0] else part for part in parts)))


def leaves(transform: Any) -> list[Any]:
    """Return the transforms inside a chain, in order."""
    return [*leaves(transform.first), *leaves(transform.second)] if isinstance(transform, Chain) else [transform]


def complete(transform: Any) -> Any:
    """Return a transform with the whole contract: leaves that have only `apply` are wrapped."""
    if isinstance(transform, Chain):
        return Chain(complete(transform.first), complete(transform.second))
    if hasattr(transform, "descend"):
        return transform
    return Turning(transform) if hasattr(transform, "direct") else Plain(transform)


def clip(limit: float) -> Clip:
    """Return a transform that shortens gradients to at most `limit`.

    Parameters
    ----------
    limit : float
        The greatest length, positive.

    Returns
    -------
    Clip
        For the `transform` of a rule, alone or in a `chain`.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.clip(1.0)
    Clip(limit=1.0)
    """
    return Clip(limit)


def momentum(decay: float = 0.9, average: bool = False) -> Momentum | RunningAverage:
    """Return momentum: v <- decay v + g, without damping, as in PyTorch.

    Parameters
    ----------
    decay : float
        How much of the velocity a step keeps, at least 0 and below 1.
    average : bool
        Take the running average v <- decay v + (1 - decay) g instead: the same with a rate of eta / (1 - decay) for eta.

    Returns
    -------
    Momentum or RunningAverage
        For the `transform` of a rule, alone or in a `chain`.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.momentum()
    Momentum(decay=0.9)
    """
    return RunningAverage(decay) if average else Momentum(decay)
