"""Streams of random numbers by role and block, so that no result depends on who runs what when."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.random import lane_streams, stream

__all__ = ["Streams", "entropy_of"]

ROLES = {"picker": 0, "kernel": 1, "start": 2, "lanes": 3, "transform": 4, "approximation": 5}


class Streams(NamedTuple):
    """The streams of one block of chains.

    Parameters
    ----------
    entropy : int
        The run's entropy.
    block : int
        Position of the block among the blocks.
    lanes : int
        Number of chains in the block.
    """

    entropy: int
    block: int
    lanes: int

    def seed(self, role: str) -> np.random.SeedSequence:
        """Return the seed of a role: `SeedSequence(entropy, spawn_key=(role, block))`."""
        return np.random.SeedSequence(self.entropy, spawn_key=(ROLES[role], self.block))

    def stream(self, role: str) -> npt.NDArray[np.uint64]:
        """Return the SFC64 stream of a role."""
        return stream(self.seed(role))

    def generator(self) -> np.random.Generator:
        """Return a numpy generator for starting positions."""
        return np.random.Generator(np.random.SFC64(self.seed("start")))

    def lane_words(self) -> npt.NDArray[np.uint32]:
        """Return one small generator per lane, shape (2, lanes)."""
        return lane_streams(self.seed("lanes"), self.lanes)


def entropy_of(rng: Any) -> int:
    """Return the entropy of a run from `rng`: int, SeedSequence, Generator, BitGenerator, ints, or None for fresh entropy.

    Raises
    ------
    StochinfError
        If `rng` is none of these.

    Examples
    --------
    >>> from stochinf.engine.streams import entropy_of
    >>> entropy_of(7)
    7
    """
    if isinstance(rng, (bool, np.bool_, str, bytes, dict, set)) or (np.ndim(rng) and not len(rng)):
        raise StochinfError(f"rng = {rng!r}: an int, a SeedSequence, a Generator or None is needed")
    if rng is None:
        return int(np.random.SeedSequence().entropy)  # type: ignore[arg-type]
    if isinstance(rng, (np.random.Generator, np.random.BitGenerator)):
        generator = rng if isinstance(rng, np.random.Generator) else np.random.Generator(rng)
        words = generator.integers(0, 2**32, 4, dtype=np.uint32)
        return int.from_bytes(words.tobytes(), "little")
    if isinstance(rng, np.random.SeedSequence):
        if isinstance(rng.entropy, int) and not rng.spawn_key:
            return rng.entropy
        return int.from_bytes(rng.generate_state(4).tobytes(), "little")
    try:
        seed = operator.index(rng)
    except TypeError:
        try:
            return int.from_bytes(
                np.random.SeedSequence([operator.index(word) for word in rng]).generate_state(4).tobytes(), "little"
            )
        except (TypeError, ValueError) as error:
            raise StochinfError(f"rng = {rng!r}: an int, a SeedSequence, a Generator or None is needed") from error
    if seed < 0:
        raise StochinfError(f"rng = {seed}: a seed is not negative")
    return seed
