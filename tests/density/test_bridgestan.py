"""Stan's models by BridgeStan: a C library with its entry points, through ctypes and, where it is installed, its own class."""

import ctypes
import math
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stochinf as si
from stochinf import density as sd
from stochinf.engine.jit import JIT

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
pytestmark = [
    pytest.mark.skipif(not JIT, reason="the adapters are compiled by numba"),
    pytest.mark.skipif(COMPILER is None, reason="no C compiler"),
]


class ByCtypes:
    """What of bridgestan.StanModel a density needs, on a library loaded here."""

    def __init__(self, path: Path, data: str) -> None:
        self.stanlib = ctypes.CDLL(str(path))
        self.stanlib.bs_model_construct.restype = ctypes.c_void_p
        self.stanlib.bs_param_names.restype = ctypes.c_char_p
        self.stanlib.bs_model_construct.argtypes = [ctypes.c_char_p, ctypes.c_uint, ctypes.c_void_p]
        self.model = self.stanlib.bs_model_construct(data.encode(), 1, None)

    def param_unc_num(self) -> int:
        return int(self.stanlib.bs_param_unc_num(ctypes.c_void_p(self.model)))

    def param_names(self) -> list[str]:
        return self.stanlib.bs_param_names(ctypes.c_void_p(self.model), False, False).decode().split(",")

    def param_constrain(self, position: Any) -> Any:
        out = np.empty(8)
        addresses = [ctypes.c_void_p(array.ctypes.data) for array in (position, out)]
        self.stanlib.bs_param_constrain(ctypes.c_void_p(self.model), False, False, *addresses, None, None)
        return out


@pytest.fixture(params=["ctypes", "bridgestan"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "bridgestan":
        package = pytest.importorskip("bridgestan")
        version = [int(part) for part in package.__version__.split(".")[:3]]
    else:
        version = [0, 0, 0]
    named = [f"-D{name}={number}" for name, number in zip(("MAJOR", "MINOR", "PATCH"), version, strict=True)]
    path = tmp_path / f"{request.param}_model.so"
    source = Path(__file__).parent / "bridge.c"
    subprocess.run([str(COMPILER), "-shared", "-fPIC", "-O1", *named, str(source), "-o", str(path), "-lm"], check=True)
    return ByCtypes(path, "1.5") if request.param == "ctypes" else package.StanModel(str(path), "1.5", capture_stan_prints=False)


def test_densities_and_draws_of_a_library(model: Any) -> None:
    """Volumes are included and constants dropped; what throws is not defined; matrices lie with the first index first."""
    target = sd.from_bridgestan(model)
    x = np.array([0.3, 0.2])
    z = (1.5 - x[0]) / math.exp(x[1])
    assert target.log_density(x) == pytest.approx(-0.5 * z**2, rel=1e-14)
    np.testing.assert_allclose(target.gradient(x), [z / math.exp(x[1]), z**2], rtol=1e-14)
    assert target.check_gradient(x).passed
    assert math.isnan(target.log_density([150.0, 0.0]))
    found = target.constrain(np.zeros((5, 2)))
    np.testing.assert_array_equal(found["m"], np.broadcast_to([[11.0, 12.0, 13.0], [21.0, 22.0, 23.0]], (5, 2, 3)))
    np.testing.assert_array_equal(found["s"], np.ones(5))
    assert target.constrain(np.zeros(2))["s"] == 1.0


def test_samplers_move_on_a_library(model: Any) -> None:
    """Chains on two threads have the bits of one, and the log density that their positions have."""
    target = sd.from_bridgestan(model)
    settings: dict[str, Any] = {"draws": 100, "warmup": 20, "chains": 3, "rng": 5, "kernel": si.mcmc.Metropolis(0.3)}
    one, two = (si.sample(target, **settings, threads=n, progress=False) for n in (1, 2))
    np.testing.assert_array_equal(one["mu"], two["mu"])
    for chain, draw in ((0, 0), (2, 99)):
        x = [one["mu"][chain, draw], math.log(one["s"][chain, draw])]
        assert target.log_density(x) == pytest.approx(one.stats["lp"][chain, draw], rel=1e-12)
