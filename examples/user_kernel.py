"""A kernel of your own, slice sampling, on the library's loop: compiled, threaded, saved, resumed and observed.

Run: `python examples/user_kernel.py`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import stochinf as si
from stochinf.engine.random import exponential, uniform


class SliceState(NamedTuple):
    """Where a chain is, and the log density there."""

    position: npt.NDArray[np.float64]
    stats: npt.NDArray[np.float64]


@si.kernel(needs=("log_density",), statistics=("lp",))
class Slice(NamedTuple):
    """Slice sampling of one coordinate at a time (Neal 2003, figures 3 and 5)."""

    width: float = 1.0

    def pick(self, target: Any) -> Any:
        """Visit the coordinates in turn."""
        return si.pickers.Scan(target.dim)

    def init(self, target: Any, position: Any, streams: Any) -> SliceState:
        """Return the state at a starting point."""
        start = target.start(streams.generator()) if position is None else np.array(position, dtype=float)
        return SliceState(start, np.array([target.log_density(start)]))

    def update(self, target: Any, state: SliceState, point: int, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Draw a level under the density, find an interval that leaves the slice, draw from it until inside."""
        x, here = state.position, state.position[point]
        level = state.stats[0] - exponential(rng)
        low = x[point] = here - self.width * uniform(rng)
        high = low + self.width
        while target.log_density(x) > level:
            low = x[point] = low - self.width
        x[point] = high
        while target.log_density(x) > level:
            high = x[point] = high + self.width
        while True:
            x[point] = low + (high - low) * uniform(rng)
            state.stats[0] = target.log_density(x)
            if state.stats[0] >= level:
                return
            if x[point] < here:
                low = x[point]
            else:
                high = x[point]


def main() -> int:
    """Run the kernel in every way the built-in ones run; return the exit code."""
    coin = si.models.CoinBias(62, 38)
    common = {"warmup": 100, "chains": 4, "kernel": Slice(), "rng": 0}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.npz"
        si.sample(coin, draws=1000, threads=2, checkpoint=path, **common)
        longer = si.resume(path, draws=1000, kernel=Slice())
    whole = si.sample(coin, draws=2000, threads=1, **common)
    moments = si.run(Slice(), coin, steps=2000, chains=4, observer=si.observers.Moments(), rng=0)
    print(whole.summary())
    print(f"exact mean {coin.posterior.mean():.4f}, sd {coin.posterior.std():.4f}")
    print(f"two threads, saved and resumed: the same bits? {np.array_equal(longer['theta'], whole['theta'])}")
    print(f"observed without keeping draws: mean logit {moments['mean'].mean():.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
