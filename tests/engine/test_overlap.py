"""Arrays that share memory are refused: compiled code counts on their being apart."""

from typing import Any

import numpy as np
import pytest
from parts_for_tests import Points, Recorder, Vector

import stochinf as si
from stochinf.engine.parts import part

SHARED = np.zeros(4)


@part(rate_field="learning_rate", statistics=("calls",))
class OneStateForAll(Recorder):
    """Forgets to copy: every chain writes into the same array."""

    def init(self, target: Any, position: Any, streams: Any) -> Vector:
        return Vector(SHARED, np.zeros(1))


@part(rate_field="learning_rate", statistics=("calls",))
class ViewInState(Recorder):
    """Keeps a view of the position as statistics."""

    def init(self, target: Any, position: Any, streams: Any) -> Vector:
        start = np.zeros(5)
        return Vector(start, start[4:])


@pytest.mark.fast
@pytest.mark.parametrize(
    ("kernel", "chains", "message"),
    [
        (OneStateForAll(), 2, r"block 1: state.position and state.position share memory"),
        (ViewInState(), 1, r"state.position and state.stats share memory; make one of them a copy"),
    ],
)
def test_shared_memory_is_refused(kernel: Any, chains: int, message: str) -> None:
    with pytest.raises(si.StochinfError, match=message):
        si.run(kernel, Points(), steps=1, chains=chains, rng=0)
