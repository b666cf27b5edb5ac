"""Every distribution is traced: the graph's value is that of arrays, its gradient that of finite differences."""

from typing import Any

import numpy as np
import pytest
from distribution_cases import CASES, COUNTS

from stochinf import density as sd
from stochinf.density.checking import difference
from stochinf.density.derivatives import gradient
from stochinf.density.interpreter import evaluate
from stochinf.density.tracing import trace

pytestmark = pytest.mark.fast


def agree(function: Any, position: np.ndarray, data: dict[str, Any] | None = None) -> None:
    """Compare a function of a position (and data) when traced and when called."""
    found = trace(function, position.size, data)
    value, slope = evaluate(gradient(found.graph), [position], found.data)

    def plain(x: np.ndarray) -> float:
        return float(function(x) if data is None else function(x, data))

    assert float(value) == pytest.approx(plain(position), rel=1e-12)
    np.testing.assert_allclose(slope, [difference(plain, position, k, 1e-4) for k in range(position.size)], rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", CASES)
def test_distributions(name: str) -> None:
    """By their parameters, with data; and by their argument where it is no count."""
    function, x, parameters, _ = CASES[name]
    whole = [k for k, value in enumerate(parameters) if isinstance(value, int)]
    free = np.array([value for value in parameters if not isinstance(value, int)])

    def arguments(p: Any) -> list[Any]:
        rest = iter(range(free.size))
        return [parameters[k] if k in whole else p[next(rest)] for k in range(len(parameters))]

    x = x[np.isfinite(function(x, *parameters))]
    agree(lambda p, data: function(data["x"], *arguments(p)).sum(), free, {"x": x})
    if x.dtype.kind == "f":
        agree(lambda p: function(p, *parameters).sum(), x + 1e-3)


P = np.array([0.2, 0.5, 0.3])


@pytest.mark.parametrize(
    ("function", "position"),
    [
        (lambda p: sd.categorical(np.array([2, 1, 1]), p).sum(), P),
        (lambda p: sd.categorical_logit(np.array([2, 1, 1]), p).sum(), P),
        (lambda p: sd.multinomial(COUNTS[:3], p), P),
        (lambda p: sd.dirichlet(p, np.array([1.5, 2.0, 0.7])), P),
        (lambda p: sd.dirichlet(P, p), P),
        (lambda p: sd.multivariate_normal(p[:2], p[2], np.eye(2) + 0.3 * p[2]), P),
        (lambda p: sd.multivariate_normal_cholesky(P[:2], p[:2], np.eye(2) * p[2]), P),
        (lambda p: sd.mixture(p, [sd.normal(P, p[0]), sd.normal(P, p[1]), sd.normal(P, p[2], p[0])]).sum(), P),
        (lambda p: sd.lkj_cholesky(np.stack([np.stack([1.0 + 0 * p[0], 0 * p[0]]), np.stack([p[0], p[1]])]), p[2]), P),
        (lambda p: sd.hidden_markov(p[0] * np.arange(6.0).reshape(3, 2), np.stack([p[:2], p[1:]]), p[:2]), P),
    ],
    ids=[
        "categorical", "logits", "multinomial", "dirichlet", "concentration", "covariance", "cholesky", "mixture", "lkj",
        "markov",
    ],
)  # fmt: skip
def test_vectors(function: Any, position: np.ndarray) -> None:
    agree(function, position)
