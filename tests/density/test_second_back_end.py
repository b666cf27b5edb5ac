"""Machine code and numba's code for the same graph agree to 1e-12."""

from pathlib import Path

import numba
import numpy as np
import pytest
from density_functions import FUNCTIONS, POINT
from numba_source import module

from stochinf.density.derivatives import gradient
from stochinf.density.emit.function import CompiledGraph
from stochinf.density.pointer import PointerDensity
from stochinf.density.tracing import trace

QUICK = ["garch"]
"""What is compiled twice in the usual tests; without the compiler, everything."""


def by_both(names: list[str], folder: Path) -> None:
    """Compare the back ends; all functions are one module, which is made once."""
    traces = {name: trace(FUNCTIONS[name], 6) for name in names}
    graphs = {f"f{k}": gradient(traces[name].graph) for k, name in enumerate(names)}
    printed = module(graphs, folder)
    for key, found in zip(graphs, traces.values(), strict=True):
        data = tuple(found.data[name] for name in sorted(graphs[key].leaves("data")))
        value, slope = getattr(printed, key)(POINT, data)
        target = PointerDensity(CompiledGraph(graphs[key], found.data), 6, differentiable=True)
        out = np.empty(6)
        np.testing.assert_allclose(target.log_density_gradient(POINT, out), value, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(out, slope, rtol=1e-12, atol=1e-12)


@pytest.mark.fast
def test_the_back_ends_agree(tmp_path: Path) -> None:
    by_both(list(FUNCTIONS) if numba.config.DISABLE_JIT else QUICK, tmp_path)


@pytest.mark.slow
def test_the_back_ends_agree_on_everything(tmp_path: Path) -> None:
    by_both(list(FUNCTIONS), tmp_path)
