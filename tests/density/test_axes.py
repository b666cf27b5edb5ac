"""Arrays of three axes and more: equal to numpy's, with the derivatives of differences, forward, backward and compiled."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import stochinf as si
from stochinf import density as sd
from stochinf.density.axes import turn
from stochinf.density.derivatives import forward, gradient
from stochinf.density.emit.function import CompiledGraph
from stochinf.density.interpreter import evaluate
from stochinf.density.pointer import PointerDensity
from stochinf.density.tracing import trace

pytestmark = pytest.mark.fast

A = np.random.default_rng(1).normal(size=(2, 3, 4))
POINT = np.random.default_rng(2).normal(size=24)
W, I = np.array([0.5, -1.0, 2.0, 0.3]), np.array([[1, 0], [2, 1]])
SERIES = np.arange(60.0).reshape(5, 2, 3, 2) / 60


def carried(x: Any) -> Any:
    """A loop that carries three axes, reads three for every step, and captures three."""

    def step(carry: Any, row: Any) -> Any:
        new = np.tanh(carry + row * x[..., :2])
        return new, (new * A[..., :2]).sum((0, 2))

    last, all_steps = sd.scan(step, x[..., 2:], SERIES)
    return last.sum() + (all_steps * np.arange(15.0).reshape(5, 3)).sum()


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "other orders": lambda x: x.transpose(1, 0, 2) * A.transpose(1, 0, 2) * np.exp(np.transpose(x, (1, 0, 2))),
    "last axes exchanged": lambda x: np.swapaxes(x, 1, 2) ** 2 * A.swapaxes(1, 2),
    "turned": lambda x: x.T * A.T * x.T + np.moveaxis(x * x, [0, 1], [2, 0]).T[..., 0].sum(),
    "sums of an axis": lambda x: [np.exp(x * A).sum(axis=k).var() for k in range(3)],
    "sums of axes": lambda x: np.exp(x * A).sum(axis=(0, 2)) * A[0, :, 0] + np.sum(x, (1, 2)) @ np.sum(x * x, (1, 2)),
    "centred": lambda x: (x - x.mean(axis=1, keepdims=True)) / np.std(x, axis=(0, 2), keepdims=True) * A,
    "largest": lambda x: np.max(x * A, axis=1) * np.min(x, axis=-2) + np.ptp(x, axis=0).sum(),
    "log of sums": lambda x: [sd.log_sum_exp(x * A, axis=k).var() for k in range(3)],
    "running sums": lambda x: [(np.cumsum(x * x, axis=k) * A).sum() for k in range(3)],
    "products": lambda x: [(np.cumprod(x, axis=k) * A).sum() + np.prod(x, axis=k).sum() for k in range(3)],
    "fitted": lambda x: x[:, :1, :] * A + x[:1] * A * x[:, :, :1] + W * x,
    "pairs": lambda x: np.exp(x[0, :, None, :] * x[1, None, :, :]).sum(1) * A[0],
    "new axes": lambda x: (x[0, 0][:, None, None] * A.transpose(2, 0, 1)) ** 2,
    "repeated between": lambda x: np.broadcast_to(x[:, None], (2, 5, 3, 4)) * np.arange(120.0).reshape(2, 5, 3, 4) * x[:, None],
    "slices": lambda x: x[:, 1:, ::2] * A[:, 1:, ::2] * x[:, :2, 1::2],
    "backwards": lambda x: x[::-1, ::-1, ::-1] * A * x + np.flip(x, 1) * A,
    "joined": lambda x: [(np.concatenate([x, x * x], k) * np.concatenate([A, 2 * A], k)).sum() for k in range(3)],
    "stacked": lambda x: [(np.stack([x, x * x], k) ** 2 * np.stack([A, 2 * A], k)).sum() for k in (0, 1, -1)],
    "places of one axis": lambda x: [
        (x[[1, 0, 1]] ** 2 * A[[1, 0, 1]]).sum(), (x[:, I] ** 2 * A[:, I]).sum(), (x[..., I] ** 2 * A[..., I]).sum()
    ],
    "places of axes": lambda x: x[I % 2, I] ** 2 * A[I % 2, I] + (x[I % 2, I, I] * A[I % 2, I, I]).sum() + x[1, 2, 3] ** 2,
    "places and a number": lambda x: [
        (x[0, :, I] ** 2 * A[0, :, I]).sum(), (x[:, 1, I] * A[:, 1, I]).sum(), (x[I % 2, 1:, I] * A[I % 2, 1:, I]).sum()
    ],
    "masks": lambda x: (x[A > 0] ** 2 * A[A > 0]).sum() + (x[:, A[0] > 0] ** 2 * A[:, A[0] > 0]).sum(),
    "matrices": lambda x: (x @ A.transpose(0, 2, 1)) ** 2 + ((x @ A[0].T) ** 2).sum() + ((x[:, None] @ A[0].T) ** 3).sum(),
    "vectors": lambda x: (x @ W) ** 2 + ((np.arange(3.0) @ x) ** 2).sum(),
    "einsum": lambda x: (
        np.einsum("ijk,ilk->ijl", x, A) ** 2 + (np.einsum("ijk,kl,lm->mij", x, A[0].T, A[:, :, 0].T) ** 3).sum()
        + (np.einsum("ijk->kj", x) ** 2).sum()
    ),
    "differences": lambda x: np.diff(x, axis=1) ** 2 * A[:, 1:] + (np.roll(x, 1, axis=1) ** 2 * A).sum(),
    "repeated": lambda x: np.repeat(x, 2, axis=1) ** 2 * np.repeat(A, 2, axis=1) + (np.tile(x, (2, 1, 2, 1)) ** 2).sum(),
    "choices": lambda x: np.where(A > 0, x, x * x) + np.where(np.all(x * x > 0.01, axis=(0, 2)), 1.0, 2.0)[:, None] * x,
    "weighed": lambda x: np.average(x * x, axis=1, weights=np.array([1.0, 2.0, 3.0])) * np.take(x, I[0], axis=1).sum(),
    "pieces": lambda x: sum((p**2).sum() * k for k, p in enumerate(np.split(x, 2, axis=2), 1)) + sum((r**3).sum() for r in x),
    "a loop": carried,
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_as_numpy_and_as_differences(name: str) -> None:
    def function(x: Any) -> Any:
        value = FUNCTIONS[name](x.reshape(2, 3, 4))
        return sum(value) if isinstance(value, list) else np.sum(value)

    found = trace(function, 24)
    both, direction = gradient(found.graph), np.cos(np.arange(24.0))
    value, slope = evaluate(both, [POINT], found.data)
    steps = 1e-6 * np.eye(24)
    differences = [(function(POINT + step) - function(POINT - step)) / 2e-6 for step in steps]
    np.testing.assert_allclose(value, function(POINT), rtol=1e-12)
    np.testing.assert_allclose(slope, differences, rtol=2e-6, atol=2e-6)
    change = evaluate(forward(found.graph), [POINT, direction], found.data)[-1]
    np.testing.assert_allclose(change, slope @ direction, rtol=1e-10, atol=1e-10)
    compiled = np.empty(24)
    target = PointerDensity(CompiledGraph(both, found.data), 24, differentiable=True)
    np.testing.assert_allclose(target.log_density_gradient(POINT, compiled), value, rtol=1e-12)
    np.testing.assert_allclose(compiled, slope, rtol=1e-11, atol=1e-12)


def test_a_permutation_that_exchanges_two_parts() -> None:
    for cut in range(1, 4):
        assert turn(tuple(np.roll(range(4), -cut)), 4) == cut
    assert turn((1, 0, 2), 3) is None


def everything(a: Any, b: Any, c: Any, d: Any, e: Any, y: Any) -> Any:
    total = sd.normal(a).sum() + sd.normal(np.log(b) * y).sum() + sd.normal(c).sum() + (d * y[..., 0, :, None]).sum()
    return total + sum(sd.lkj_cholesky(factor, 2.0) for row in e for factor in row) + (e * e).sum((2, 3)).var()


def test_parameters_of_many_axes() -> None:
    """Gradients against differences and forward mode, names by place, and draws in their shapes, as plain Python has them."""
    data = {"y": np.linspace(-1, 1, 12).reshape(2, 3, 2)}
    params = {
        "a": sd.affine(0.3, lambda y: 1 + y**2, shape=(2, 3, 2)),
        "b": sd.positive((2, 3, 2)),
        "c": sd.positive_ordered(2, shape=(2, 2)),
        "d": sd.simplex(3, shape=(2, 2)),
        "e": sd.cholesky_corr(2, shape=(2, 2)),
    }
    target = si.Density(everything, params, data)
    plain = si.Density(everything, params, data, traced=False)
    assert target.check_gradient().passed
    positions = np.random.default_rng(0).normal(size=(3, 2, target.dim))
    draws = target.constrain(positions)
    assert {name: value.shape[2:] for name, value in draws.items()} == {name: p.shape for name, p in params.items()}
    point = {name: value[1, 1] for name, value in draws.items()}
    np.testing.assert_allclose(target.unconstrain(point), positions[1, 1], atol=1e-9)
    assert target.log_density(point) == pytest.approx(plain.log_density(point), rel=1e-12)
    assert target.log_density(positions[0, 0]) == pytest.approx(plain.log_density(positions[0, 0]), rel=1e-12)
    assert target.gradient(point)["b"].shape == (2, 3, 2)
    names = [name for name, _ in target.layout.coordinates()]
    assert names[12] == "b[0, 0, 0]"
    assert names[23] == "b[1, 2, 1]"
