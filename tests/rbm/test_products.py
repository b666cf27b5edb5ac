"""Products of units with weights, by BLAS and by adding up rows."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from stochinf.engine.jit import entry
from stochinf.rbm.products import FEW, WIDE, project

Singles = npt.NDArray[np.float32]


@entry
def projected(units: Singles, weights: Singles, out: Singles, places: npt.NDArray[np.int32]) -> None:
    project(units, weights, out, places)


@pytest.mark.fast
@pytest.mark.parametrize("columns", [WIDE - 1, WIDE])
@pytest.mark.parametrize("share", [0.0, 0.5 / FEW, 2.0 / FEW, 1.0])
def test_few_units_and_many_give_the_product(columns: int, share: float) -> None:
    rng: Any = np.random.default_rng(0)
    units = rng.integers(1, 4, (9, 37)) * (rng.random((9, 37)) < share)
    weights = rng.integers(-8, 9, (37, columns))
    out = np.full((9, columns), np.nan, np.float32)
    projected(units.astype(np.float32), weights.astype(np.float32), out, np.zeros(37, np.int32))
    np.testing.assert_array_equal(out, units @ weights)
