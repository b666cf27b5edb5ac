"""What a density tells before anything is drawn: that it is improper or flat, that bounds cross, what its function raises."""

import math
import warnings
from typing import Any

import numpy as np
import pytest

import stochinf as si
from stochinf import density as sd
from stochinf.engine.errors import DensityError, StochinfError

Y = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
GROUP = np.arange(8) % 3


@pytest.mark.fast
@pytest.mark.parametrize(
    ("function", "parameter", "where"),
    [
        (lambda x: 0.0 * x, sd.real(), r"x -> \+infinity, x -> -infinity"),
        (lambda x: -np.log(x), sd.positive(), r"x -> \+infinity, x -> -infinity"),
        (lambda x: -np.log1p(x), sd.positive(), r"x -> \+infinity;"),
        (lambda x: -np.logaddexp(0.0, x), sd.real(), "x -> -infinity;"),
        (lambda x: -(x[0] ** 2) + 0.0 * x[1], sd.real(2), r"x\[1\] -> \+infinity, x\[1\] -> -infinity"),
    ],
)
def test_improper_densities_are_told(function: Any, parameter: Any, where: str) -> None:
    with pytest.warns(UserWarning, match=f"does not fall off as {where}"):
        si.Density(function, {"x": parameter}).as_target()


@pytest.mark.fast
@pytest.mark.parametrize(
    ("function", "params", "where"),
    [
        (lambda a, b: sd.normal(a - b), {"a": sd.real(), "b": sd.real()}, r"a \(\+1\), b \(\+1\) move together"),
        (lambda a, b: sd.normal(a - b, 30.0) + 0.1 * (a + b), {"a": sd.real(), "b": sd.real()}, "move together"),
        (
            lambda a, b: sd.normal(Y, a + b[GROUP]).sum(),
            {"a": sd.real(), "b": sd.real(3)},
            r"a \(\+1\), b\[0\] \(-1\), b\[1\] \(-1\), b\[2\] \(-1\) move together",
        ),
        (lambda a, b: sd.normal(1.0, a * b), {"a": sd.positive(), "b": sd.positive()}, "free numbers, in these proportions"),
    ],
)
def test_sums_without_a_prior_are_told(function: Any, params: Any, where: str) -> None:
    with pytest.warns(UserWarning, match=where):
        si.Density(function, params).as_target()


@pytest.mark.fast
def test_sums_with_a_prior_are_not_told() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for function, params in (
            (lambda a, b: sd.normal(a - b, 0, 1e-6) + sd.normal(a + b, 0, 1e6), {"a": sd.real(), "b": sd.real()}),
            (lambda a, b: sd.laplace(a, 50.0) + sd.laplace(b, -70.0), {"a": sd.real(), "b": sd.real()}),
            (lambda a, b: sd.normal(Y, a + b[GROUP]).sum() + sd.normal(a), {"a": sd.real(), "b": sd.real(3)}),
            (lambda a: 0.0 * a.sum(), {"a": sd.simplex(3)}),
        ):
            si.Density(function, params).as_target()


@pytest.mark.fast
def test_bounds_that_cross_at_the_start_are_told() -> None:
    params = {"a": sd.positive(), "x": sd.interval(lambda a: 1 + a, lambda a: -a)}
    with pytest.raises(StochinfError, match="the bounds of x cross there: lower = "):
        si.sample(si.Density(lambda a, x: sd.normal(a) + 0 * x, params), draws=10, warmup=10)


@pytest.mark.fast
def test_what_the_function_raises_while_it_is_traced_says_so() -> None:
    def broken(x: Any) -> Any:
        return x + {}["missing"]

    with pytest.raises(KeyError) as raised:
        si.Density(broken, {"x": sd.real()})
    assert "broken raised this where it was called with traced values" in raised.value.__notes__[0]


@pytest.mark.fast
def test_a_scale_that_is_not_positive_is_told_at_the_start() -> None:
    target = si.Density(lambda x: sd.normal(x, 0, -1), {"x": sd.real()})
    with pytest.raises(StochinfError, match="is nan, and not finite at 99 others"):
        si.sample(target, draws=10, warmup=10)


@pytest.mark.fast
def test_flat_functions_are_told() -> None:
    with pytest.warns(UserWarning, match="the log density is 1.5 at six random positions: it seems to be flat"):
        si.Density(lambda x: 1.5, {"x": sd.real()}, traced=False).as_target()
    box = si.Density(lambda x: 0.0 if abs(x) < 10 else -math.inf, {"x": sd.real()}, traced=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        box.as_target()


@pytest.mark.fast
def test_proper_densities_are_not() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for function, parameter in (
            (sd.cauchy, sd.real()),
            (lambda x: sd.normal(x, 0.0, 1e9), sd.real()),
            (lambda x: sd.uniform(x, 0.0, 1e10), sd.real()),
            (lambda x: sd.half_cauchy(x, 1e6), sd.positive()),
            (lambda x: 0.0 * x, sd.interval(0, 1)),
            (lambda x: sd.student_t(x, 0.5), sd.real()),
        ):
            si.Density(function, {"x": parameter}).as_target()
        si.models.hierarchical(Y, np.full(8, 10.0)).as_target()


@pytest.mark.fast
def test_missing_data_are_told() -> None:
    data = {"y": np.array([1.0, math.nan, 2.0])}
    with pytest.raises(StochinfError, match="data: y holds 1 NaN, and the log density is not finite at 20 positions"):
        si.Density(lambda mu, y: sd.normal(y, mu).sum(), {"mu": sd.real()}, data).as_target()


@pytest.mark.fast
def test_errors_of_plain_python_are_told() -> None:
    density = si.Density(lambda mu: float({}["key"]), {"mu": sd.real()}, traced=False)
    with pytest.raises(DensityError, match="raised KeyError"):
        density.log_density(np.zeros(1))
    with pytest.raises(DensityError, match="returned None; a log density is a number: return it"):
        si.Density(lambda mu: None, {"mu": sd.real()}, traced=False).log_density(np.zeros(1))
    with pytest.raises(DensityError, match=r"returned an array of shape \(3,\); a log density is one number"):
        si.Density(lambda mu: mu * np.ones(3), {"mu": sd.real()}, traced=False).log_density(np.zeros(1))
    assert math.isnan(si.Density(lambda mu: math.log(mu), {"mu": sd.real()}, traced=False).log_density(np.array([-1.0])))


@pytest.mark.fast
def test_a_log_density_has_no_rows_for_batches() -> None:
    with pytest.raises(StochinfError, match=r"a log density has no rows: give its terms to stochinf\.FiniteSum"):
        si.sample(si.Density(sd.normal, {"x": sd.real()}), kernel=si.mcmc.SGLD(0.1))
