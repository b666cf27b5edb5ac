"""Models of other programs: what nutpie and BridgeStan hand out, stood in for by functions of the same signatures."""

import ctypes
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stochinf import density as sd
from stochinf.engine.errors import DensityError, StochinfError
from stochinf.engine.jit import JIT

pytestmark = pytest.mark.skipif(not JIT, reason="the adapters are compiled by numba")

DOUBLES = ctypes.POINTER(ctypes.c_double)
PYMC = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, DOUBLES, DOUBLES, DOUBLES, ctypes.c_void_p)
EXPAND = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, ctypes.c_uint64, DOUBLES, DOUBLES, ctypes.c_void_p)
STAN = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, DOUBLES, DOUBLES, DOUBLES, ctypes.c_void_p)


def normal(x: Any, gradient: Any, out: Any, scale: float) -> None:
    """Write a normal log density of two numbers, and its gradient, for which there must be room."""
    out[0] = -0.5 * (x[0] ** 2 + x[1] ** 2) / scale**2
    gradient[0], gradient[1] = -x[0] / scale**2, -x[1] / scale**2


@PYMC
def pymc_density(n: int, x: Any, gradient: Any, out: Any, data: Any) -> int:
    if n != 2 or not gradient:
        return -1
    if x[0] > 100.0:
        return 4 if x[0] < 200.0 else 1
    normal(x, gradient, out, ctypes.cast(data, DOUBLES)[0])
    return 0


@EXPAND
def pymc_expand(n: int, size: int, x: Any, out: Any, data: Any) -> int:
    out[0], out[1], out[2] = x[0], x[1], math.exp(x[0])
    return 0


def address(function: Any) -> SimpleNamespace:
    return SimpleNamespace(address=ctypes.cast(function, ctypes.c_void_p).value)


def test_nutpie() -> None:
    compiled = SimpleNamespace(
        compiled_logp_func=address(pymc_density), compiled_expand_func=address(pymc_expand), user_data=np.array([2.0]), n_dim=2,
        n_expanded=3, shape_info=(["theta", "tau"], [slice(0, 2), slice(2, 3)], [(2,), ()]),
    )  # fmt: skip
    target = sd.from_nutpie(compiled)
    assert repr(target) == "Density(position (2,): PyMC by nutpie, with a gradient)"
    assert target.log_density([1.0, 2.0]) == -0.625
    np.testing.assert_allclose(target.gradient([1.0, 2.0]), [-0.25, -0.5])
    assert math.isnan(target.log_density([150.0, 0.0]))
    with pytest.raises(DensityError, match="returned the code 2"):
        target.log_density([300.0, 0.0])
    found = target.as_target().variables(np.ones((3, 4, 2)))
    assert found["theta"].shape == (3, 4, 2)
    np.testing.assert_allclose(found["tau"], np.full((3, 4), math.e))
    with pytest.raises(StochinfError, match=r"what nutpie\.compile_pymc_model"):
        sd.from_nutpie(3)


class StanModel:
    """What a bridgestan.StanModel offers."""

    def __init__(self) -> None:
        self.scale = ctypes.c_double(2.0)
        self.model = ctypes.cast(ctypes.pointer(self.scale), ctypes.c_void_p).value
        self.stanlib = SimpleNamespace(bs_log_density_gradient=STAN(self.density))

    @staticmethod
    def density(model: Any, propto: int, jacobian: int, x: Any, out: Any, gradient: Any, error: Any) -> int:
        if (propto, jacobian, error) != (1, 1, None) or x[0] > 100.0:
            return -1
        normal(x, gradient, out, ctypes.cast(model, DOUBLES)[0])
        return 0

    def param_unc_num(self) -> int:
        return 2

    def param_names(self) -> list[str]:
        return ["m.1.1", "m.2.1", "m.1.2", "m.2.2", "s"]

    def param_constrain(self, position: Any) -> Any:
        return np.array([11.0, 21.0, 12.0, 22.0, math.exp(position[0])])


def test_bridgestan() -> None:
    target = sd.from_bridgestan(StanModel())
    assert target.log_density([1.0, 2.0]) == -0.625
    np.testing.assert_allclose(target.gradient([1.0, 2.0]), [-0.25, -0.5])
    assert math.isnan(target.log_density([150.0, 0.0]))
    found = target.constrain(np.zeros((5, 2)))
    np.testing.assert_array_equal(found["m"][3], [[11.0, 12.0], [21.0, 22.0]])
    assert found["s"].shape == (5,)
    with pytest.raises(StochinfError, match=r"a bridgestan.StanModel is needed"):
        sd.from_bridgestan(3)
