"""Asking for memory ahead changes nothing, wherever the place lies."""

import numpy as np
import pytest

from stochinf.engine.jit import helper
from stochinf.engine.prefetch import prefetch

pytestmark = pytest.mark.fast


@helper()
def asked(array: np.ndarray, places: np.ndarray) -> float:
    total = 0.0
    for place in places:
        prefetch(array, place)
        total += array[place % array.size]
    return total


@pytest.mark.parametrize("dtype", [np.float64, np.int32])
def test_any_place_may_be_asked_for(dtype: type) -> None:
    array = np.arange(10, dtype=dtype)
    assert asked(array, np.array([0, 9, 10, 10**12], np.uint64)) == 0 + 9 + 0 + 0
