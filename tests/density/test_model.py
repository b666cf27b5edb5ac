"""`Density`: names, shapes and transforms around a traced function; against scipy, against itself without a trace."""

import gc
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

import stochinf as si
from stochinf import density as sd
from stochinf.density.traced import TraceError
from stochinf.engine import cache
from stochinf.engine.errors import StochinfError

Y = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
SIGMA = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
PARAMS = {"mu": sd.real(), "tau": sd.positive(), "theta": sd.real(8)}
POINT = {"mu": 1.5, "tau": 2.5, "theta": np.linspace(-1.0, 1.0, 8)}


def eight_schools(mu: Any, tau: Any, theta: Any, y: Any, sigma: Any) -> Any:
    prior = sd.normal(mu, 0, 5) + sd.half_cauchy(tau, 5) + sd.normal(theta, 0, 1).sum()
    return prior + sd.normal(y, mu + tau * theta, sigma).sum()


@pytest.fixture(scope="module")
def schools() -> si.Density:
    return si.Density(eight_schools, PARAMS, {"y": Y, "sigma": SIGMA}, dims={"theta": ["school"]})


def by_scipy(mu: float, tau: float, theta: np.ndarray) -> float:
    prior = stats.norm(0, 5).logpdf(mu) + stats.halfcauchy(scale=5).logpdf(tau) + stats.norm.logpdf(theta).sum()
    return float(prior + stats.norm(mu + tau * theta, SIGMA).logpdf(Y).sum())


@pytest.mark.fast
def test_points_have_no_volume_and_positions_have(schools: si.Density) -> None:
    position = schools.unconstrain(POINT)
    assert schools.dim == position.size == 10
    assert schools.log_density(POINT) == pytest.approx(by_scipy(**POINT), rel=1e-13)
    assert schools.log_density(position) == pytest.approx(by_scipy(**POINT) + math.log(2.5), rel=1e-13)
    by_point, by_position = schools.gradient(POINT), schools.gradient(position)
    assert by_position[1] == pytest.approx(2.5 * by_point["tau"] + 1.0, rel=1e-12)
    np.testing.assert_allclose(by_position[2:], by_point["theta"], rtol=1e-12)


@pytest.mark.fast
def test_positions_become_names(schools: si.Density) -> None:
    positions = np.random.default_rng(1).normal(size=(2, 5, 10))
    found = schools.constrain(positions)
    assert {name: value.shape for name, value in found.items()} == {"mu": (2, 5), "tau": (2, 5), "theta": (2, 5, 8)}
    np.testing.assert_allclose(found["tau"], np.exp(positions[..., 1]))
    one = {name: value[1, 3] for name, value in found.items()}
    np.testing.assert_allclose(schools.unconstrain(one), positions[1, 3], atol=1e-12)
    assert repr(schools) == "Density(mu, tau, theta (8,): eight_schools, traced)"


@pytest.mark.fast
def test_gradients_agree(schools: si.Density) -> None:
    for point in (POINT, None, schools.unconstrain(POINT)):
        check = schools.check_gradient(point)
        assert check.passed, check
        assert check.forward is not None
    assert repr(check).count(": gradient ") == 8
    assert "tau: gradient" in repr(check._replace(differences=check.differences + (np.arange(10) == 1)))
    wrong = check._replace(gradient=check.gradient + 1, error=1.0)
    assert "FAILED" in repr(wrong)


def test_draws_have_names_on_every_door(schools: si.Density) -> None:
    """The same numbers come of the compiled graph and of plain Python, and chains have work spaces of their own."""
    settings: dict[str, Any] = {"draws": 100, "warmup": 20, "chains": 3, "rng": 5, "kernel": si.mcmc.Metropolis(0.3)}
    run = si.sample(schools, **settings, threads=2)
    assert schools.as_target().function.alone  # without a gradient that nobody asked for
    plain = si.sample(si.Density(eight_schools, PARAMS, {"y": Y, "sigma": SIGMA}, traced=False), **settings)
    assert run["theta"].shape == (3, 100, 8)
    assert run.dims == {"theta": ["school"]}
    assert (run["tau"] > 0).all()
    np.testing.assert_allclose(run["theta"], plain["theta"], rtol=1e-9)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_three_axes_have_their_names_in_arviz() -> None:
    dims, coords = {"a": ["year", "county", "kind"]}, {"year": [2020, 2021], "kind": list("xyz")}
    params = {"a": sd.positive((2, 4, 3)), "b": sd.real((1, 2, 2))}
    target = si.Density(lambda a, b: sd.gamma(a, 3, 1).sum() + sd.normal(b).sum(), params, dims=dims, coords=coords)
    run = si.sample(target, draws=100, warmup=20, chains=3, rng=5, kernel=si.mcmc.Metropolis(0.3), progress=False)
    assert run["a"].shape == (3, 100, 2, 4, 3)
    found = run.to_arviz()["posterior"]
    assert found["a"].dims == ("chain", "draw", "year", "county", "kind")
    assert list(found["a"].coords["kind"].values) == list("xyz")
    assert found["b"].shape == (3, 100, 1, 2, 2)
    np.testing.assert_array_equal(found["a"].sel(year=2021, kind="y"), run["a"][:, :, 1, :, 1])
    rows = run.summary()
    assert "a[2021, 3, z]" in str(rows)


@pytest.mark.fast
def test_new_data_compile_nothing(schools: si.Density) -> None:
    schools.log_density(np.zeros(10))
    before = cache.statistics["misses"]
    other = schools.with_data(y=Y + 1.0)
    expected = by_scipy(0.0, 1.0, np.zeros(8)) + stats.norm(0, SIGMA).logpdf(Y + 1).sum() - stats.norm(0, SIGMA).logpdf(Y).sum()
    assert other.log_density(np.zeros(10)) == pytest.approx(expected, rel=1e-13)
    assert cache.statistics["misses"] == before
    with pytest.raises(StochinfError, match="'z' is not among the data; they are y, sigma"):
        schools.with_data(z=1.0)


@pytest.mark.fast
def test_bounds_of_parameters() -> None:
    """GARCH's stationarity: beta1 < 1 - alpha1, uniform on the triangle, whose area is 1/2."""
    params = {"alpha1": sd.interval(0, 1), "beta1": sd.interval(0, lambda alpha1, most: most - alpha1)}
    flat = si.Density(lambda alpha1, beta1: 0.0, params, {"most": 1.0})
    draws = flat.constrain(np.random.default_rng(1).normal(size=(1000, 2)))
    assert (draws["alpha1"] + draws["beta1"] < 1).all()
    assert (draws["beta1"] > 0).all()
    grid = np.linspace(-15, 15, 49)
    mass = sum(math.exp(flat.log_density(np.array([a, b]))) for a in grid for b in grid) * (grid[1] - grid[0]) ** 2
    assert mass == pytest.approx(0.5, rel=1e-4)
    assert flat.check_gradient().passed
    with pytest.raises(StochinfError, match=r"beta1 = 0.6: numbers between 0.0 and 0.5 are needed"):
        flat.unconstrain({"alpha1": 0.5, "beta1": 0.6})


def around(s: Any, a: Any, b: Any, c: Any, d: Any, e: Any, y: Any) -> Any:
    return sd.exponential(s) + sum(sd.normal(value).sum() for value in (a, b, d, e)) + sd.normal(c) + sd.normal(y).sum()


@pytest.mark.fast
def test_bounds_centres_and_scales_of_every_kind() -> None:
    low = np.array([0.0, 1.0, 2.0])
    data = {"low": low, "high": low + 2, "width": low + 1, "y": np.array([1.0, 5.0])}
    params = {
        "s": sd.positive(),
        "a": sd.interval(low, low + 1, shape=3),
        "b": sd.interval("low", "high", shape=3),
        "c": sd.interval(lambda y: y.min(), lambda s, y: y.max() + s),
        "d": sd.affine("low", lambda s: 2 * s, shape=3),
        "e": sd.affine(0.0, "width", shape=3),
    }
    traced, plain = si.Density(around, params, data), si.Density(around, params, data, traced=False)
    positions = np.random.default_rng(0).normal(size=(2, 2, traced.dim))
    everything = traced.constrain(positions)
    for place in np.ndindex(2, 2):
        one = traced.constrain(positions[place])
        for name, value in one.items():
            np.testing.assert_allclose(everything[name][place], value, rtol=1e-13)
        np.testing.assert_allclose(traced.unconstrain(one), positions[place], atol=1e-9)
        assert traced.log_density(positions[place]) == pytest.approx(plain.log_density(positions[place]), rel=1e-13)


KINDS = {
    "ordered": sd.ordered(3),
    "positive_ordered": sd.positive_ordered(2, shape=2),
    "simplex": sd.simplex(3),
    "simplexes": sd.simplex(2, shape=2),
    "factor": sd.cholesky_corr(3),
    "factors": sd.cholesky_corr(2, shape=2),
    "below": sd.interval(upper="ceiling", shape=2),
    "matrix": sd.real((2, 2)),
}


def every_kind(
    ordered: Any,
    positive_ordered: Any,
    simplex: Any,
    simplexes: Any,
    factor: Any,
    factors: Any,
    below: Any,
    matrix: Any,
    weights: Any,
) -> Any:
    total = sd.normal(ordered).sum() + sd.normal(positive_ordered).sum() + sd.normal(matrix).sum() + sd.normal(below).sum()
    total = total + sd.dirichlet(simplex, weights) + sd.dirichlet(simplexes, 2.0).sum() + sd.lkj_cholesky(factor, 2.0)
    return total + sum(sd.lkj_cholesky(each, 3.0) for each in factors)


@pytest.mark.fast
def test_every_kind_of_parameter_is_traced_as_it_is_evaluated() -> None:
    data = {"weights": [1.5, 2.0, 3.0], "ceiling": 0.7}
    traced = si.Density(every_kind, KINDS, data)
    plain = si.Density(every_kind, KINDS, data, traced=False)
    for position in np.random.default_rng(4).normal(size=(3, traced.dim)):
        assert traced.log_density(position) == pytest.approx(plain.log_density(position), rel=1e-12)
        point = traced.constrain(position)
        assert traced.log_density(point) == pytest.approx(plain.log_density(point), rel=1e-12)
        np.testing.assert_allclose(traced.unconstrain(point), position, atol=1e-8)
    assert traced.check_gradient().passed
    assert traced.gradient(point)["factors"].shape == (2, 2, 2)
    with pytest.raises(StochinfError, match="plain Python and has no gradient"):
        plain.gradient(point)
    with pytest.raises(StochinfError, match="has no gradient"):
        plain.gradient(position)


def one(mu: Any) -> Any:
    return sd.normal(mu)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: si.Density(one, {}), "a dict from names to parameters"),
        (lambda: si.Density(one, {"mu": sd.real}), r"a parameter such as stochinf.density.real\(\) is needed; call it"),
        (lambda: si.Density(one, {"mu": 1.0}), "mu = 1.0: a parameter"),
        (lambda: si.Density(one, {"nu": sd.real()}), "one takes mu, which is neither among params nor among data"),
        (lambda: si.Density(one, {"mu": sd.real(), "nu": sd.real()}), "one does not take the parameter nu; it takes mu"),
        (lambda: si.Density(one, {"mu": sd.real()}, {"y": 1.0}), "one does not take the data y"),
        (lambda: si.Density(one, {"mu": sd.real()}, {"mu": 1.0}), "'mu' is among params and among data"),
        (lambda: si.Density(3, {"mu": sd.real()}), "3: a function of parameters and data by name"),
        (lambda: si.Density(lambda mu, nu: one(mu), {"mu": sd.real(), "nu": sd.positive()}), "does not depend on nu"),
        (
            lambda: si.Density(lambda a, b: a + b, {"a": sd.interval(0, "b"), "b": sd.positive()}),
            "a bound of a depends on b, which comes after it: move it before",
        ),
        (lambda: si.Density(lambda a: a, {"a": sd.interval(0, "c")}), "depends on c, which is neither a parameter nor data"),
        (lambda: si.Density(one, {"mu": sd.real()}).log_density({"nu": 1.0}), "'nu' is no parameter; they are mu"),
        (lambda: si.Density(one, {"mu": sd.real()}).log_density({}), "mu is missing"),
        (lambda: si.Density(one, {"mu": sd.real()}).log_density({"mu": [1.0, 2.0]}), r"mu has shape \(2,\), and \(\) is needed"),
        (lambda: si.Density(one, {"mu": sd.real()}).log_density({"mu": "x"}), "mu = 'x': numbers are needed"),
        (lambda: si.Density(one, {"mu": sd.real()}).log_density([1.0, 2.0]), r"a position of shape \(2,\); 1 free numbers"),
        (lambda: si.Density(one, {"mu": sd.positive()}).unconstrain({"mu": -1.0}), "mu = -1.0: numbers above 0 are needed"),
        (lambda: si.Density(one, {"mu": sd.real()}).constrain(np.zeros((2, 3))), "the last axis has 1 free numbers"),
    ],
)
def test_what_cannot_be_is_told(call: Any, message: str) -> None:
    with pytest.raises(StochinfError, match=message):
        call()


@pytest.mark.fast
@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda mu: sd.normal(mu * np.ones(3)), "array of shape"),
        (lambda mu: None, "returned None"),
        (lambda mu: -math.exp(mu), "write np.exp"),
        (lambda mu: -mu if mu > 0 else mu, "np.where"),
    ],
)
def test_what_cannot_be_traced_is_told(function: Any, message: str) -> None:
    with pytest.raises(TraceError, match=message):
        si.Density(function, {"mu": sd.real()})


@pytest.mark.fast
def test_other_data_take_the_graph_over_unless_the_function_looked_at_them() -> None:
    calls = []

    def blind(mu: Any, y: Any, n: int) -> Any:
        calls.append(len(y))
        return n * sd.normal(y, mu).sum()

    def looking(mu: Any, y: Any) -> Any:
        calls.append(len(y))
        return sd.normal(y, mu).sum() if y.max() < 10 else sd.cauchy(y, mu).sum()

    at, low, high = np.array([0.5]), np.array([1.0, 2.0]), np.array([1.0, 20.0])
    target = si.Density(blind, {"mu": sd.real()}, {"y": low, "n": 2})
    traced = len(calls)
    assert target.with_data(y=high).log_density(at) == pytest.approx(2 * stats.norm(0.5).logpdf(high).sum())
    assert target.with_data(y=high).gradient(at) == pytest.approx(2 * (high - 0.5).sum())
    assert len(calls) == traced
    for changed in ({"y": np.ones(3)}, {"y": np.array([1, 2])}, {"n": 3}):
        target.with_data(**changed)
        assert len(calls) > traced
        traced = len(calls)
    other = si.Density(looking, {"mu": sd.real()}, {"y": low}).with_data(y=high)
    assert other.log_density(at) == pytest.approx(stats.cauchy(0.5).logpdf(high).sum())


@pytest.mark.fast
def test_data_are_copied_and_may_be_whole_numbers_or_truth_values() -> None:
    group, mask, y = np.array([0, 1, 1]), np.array([True, False, True]), [1.0, 2.0, 3.0]

    def log_density(mu: Any, group: Any, mask: Any, y: Any, n: int) -> Any:
        terms = [np.where(mask, sd.normal(y, mu[group]), 0.0).sum() for _ in range(n)]
        return sum(terms) + sd.normal(mu).sum()

    target = si.Density(log_density, {"mu": sd.real(2)}, {"group": group, "mask": mask, "y": y, "n": 2})
    point = {"mu": [0.5, 1.0]}
    expected = 2 * (stats.norm.logpdf(0.5) + stats.norm.logpdf(2.0)) + stats.norm.logpdf([0.5, 1.0]).sum()
    group[:], mask[:] = 0, False
    assert target.log_density(point) == pytest.approx(expected, rel=1e-13)
    assert target.log_density(target.unconstrain(point)) == pytest.approx(expected, rel=1e-13)


@pytest.mark.fast
def test_work_spaces_are_given_back(schools: si.Density) -> None:
    target = schools.as_target()
    gc.collect()
    held = len(target.function.blocks)
    own = [target.private() for _ in range(20)]
    assert len(target.function.blocks) == held + 20
    del own
    gc.collect()
    assert len(target.function.blocks) == held


def test_a_run_is_saved_and_goes_on(schools: si.Density, tmp_path: Any) -> None:
    settings: dict[str, Any] = {"warmup": 20, "chains": 2, "rng": 5, "kernel": si.mcmc.Metropolis(0.3)}
    whole = si.sample(schools, draws=60, **settings)
    si.sample(schools, draws=30, **settings).save(tmp_path / "run")
    again = si.Density(eight_schools, PARAMS, {"y": Y, "sigma": SIGMA})
    on = si.resume(tmp_path / "run", draws=30, target=again)
    np.testing.assert_array_equal(on["theta"], whole["theta"])
    with pytest.raises(si.CheckpointError, match="pass it again: target="):
        si.resume(tmp_path / "run", draws=30)
    with pytest.raises(si.CheckpointError, match="belongs to another target"):
        si.resume(tmp_path / "run", draws=30, target=schools.with_data(y=Y + 1))
