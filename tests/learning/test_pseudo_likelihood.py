"""Pseudo-likelihood against its definition; Godambe's standard errors against planted truth."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from learning.listing import GRID, drawn, ising, log_pseudo_likelihood, mixed, slope

import stochinf as si
from stochinf.graphs.exact import exact_draws
from stochinf.learning.model import learning_model
from stochinf.learning.observations import observations
from stochinf.learning.pseudo_likelihood import pseudo_likelihood
from stochinf.learning.sandwich import curvature, godambe, score_covariance

SIDE = 10
EDGES = [(v, v + 1) for v in range(SIDE**2) if v % SIDE < SIDE - 1] + [(v, v + SIDE) for v in range(SIDE**2 - SIDE)]


@pytest.mark.fast
@pytest.mark.parametrize("single", [False, True])
def test_value_gradient_and_curvature(single: bool) -> None:
    """The value of the definition; gradients, of the whole and of single terms, and curvature by differences."""
    graph = mixed()
    model, rows = learning_model(graph), drawn(graph, 6, 3)
    observed = observations(graph, rows, None, [2], np.arange(1.0, 7.0))
    if single:
        observed = observations(graph, None, dict(enumerate(rows[0].tolist())), [2], None)
    target = pseudo_likelihood(model, observed, l2=0.0)
    here = model.values[model.learnt] - 0.1
    values = np.array(model.values)
    values[model.learnt] = here
    by_row = [log_pseudo_likelihood(graph.with_values(values), row[None, :], [0, 1, 3, 4]) for row in observed.rows]
    known = -float(np.average(by_row, weights=observed.weights)) / (4 if single else 1)
    assert target.objective(here) == pytest.approx(known, rel=1e-11)
    np.testing.assert_allclose(target.full_gradient(here), slope(target.objective, here), atol=1e-8)
    np.testing.assert_allclose(curvature(target, here), slope(target.full_gradient, here), atol=1e-8)
    out, total = np.zeros(here.size), np.zeros(here.size)
    for point in range(target.n_points):
        target.gradient(here, point, out)
        total += out / target.n_points
    np.testing.assert_allclose(total, target.full_gradient(here), atol=1e-13)
    target.gradient(here, np.arange(target.n_points), out)
    np.testing.assert_allclose(out, total, atol=1e-13)


RULES: dict[str, tuple[Any, dict[str, Any]]] = {
    "SAGA": (si.optim.SAGA(), {"epochs": 60}),
    "Adam": (si.optim.Adam(0.02), {"epochs": 60, "batch": 20, "schedule": si.schedules.Exponential(0.999)}),
}


@pytest.mark.parametrize("name", RULES)
def test_any_rule_minimises_it(name: str) -> None:
    """Rows are the terms of a finite sum: adaptive and variance-reduced rules end at the optimum of whole gradients."""
    graph = ising(GRID, 9, h=0.2, J=0.4)
    rows, (rule, words) = drawn(graph, 400, 1), RULES[name]
    best = si.learn_weights(graph, rows, "pseudo-likelihood")
    found = si.learn_weights(graph, rows, "pseudo-likelihood", optimizer=rule, rng=0, **words)
    np.testing.assert_allclose(found.values, best.values, atol=5e-3)


def test_independent_variables_have_no_need_of_it() -> None:
    """Where no factor has two variables, pseudo-likelihood is likelihood, and the sandwich the inverse information."""
    graph = ising([], 4, fields=["a", "b", "c", "a"])
    rows = np.random.default_rng(0).integers(0, 2, (500, 4))
    one, other = (si.learn_weights(graph, rows, method) for method in ("exact", "pseudo-likelihood"))
    np.testing.assert_allclose(one.values, other.values, atol=1e-8)
    np.testing.assert_allclose(list(one.se.values()), list(other.se.values()), rtol=0.1)
    assert other.log_likelihood == pytest.approx(one.log_likelihood, rel=1e-9)


def test_a_proximal_rule_and_projected_gradients_agree_on_l1() -> None:
    graph = ising(GRID, 9, couplings=[f"J{i % 6}" for i in range(12)], J0=0.8)
    rows = drawn(graph, 1000, 2)
    one = si.learn_weights(graph, rows, "pseudo-likelihood", l1=0.35)
    other = si.learn_weights(graph, rows, "pseudo-likelihood", l1=0.35, optimizer=si.optim.SAGA(), epochs=100, rng=0)
    np.testing.assert_allclose(one.values, other.values, atol=1e-6)
    assert [name for name, w in one.weights.items() if w != 0] == ["J0"]
    assert np.isnan(one.se["J1"])
    assert 0 < one.se["J0"] < 0.1


def coverage(names: tuple[Any, Any], truth: npt.NDArray[np.float64], sets: int, rows: int) -> tuple[float, float]:
    """Share of 95 % intervals that hold the truth, and the standard deviation of estimates in standard errors."""
    graph = ising(EDGES, SIDE**2, *names).with_values(truth)
    model = learning_model(graph)
    data = exact_draws(graph, sets * rows, rng=11).reshape(sets, rows, SIDE**2)
    apart = []
    for each in data:
        target = pseudo_likelihood(model, observations(graph, each, None, (), None))
        found = si.minimize(target, si.optim.LBFGS(), truth, progress=False).x
        covariance = godambe(target, found, rows)
        assert covariance is not None
        apart.append((found - truth) / np.sqrt(np.diag(covariance)))
    return float(np.mean(np.abs(apart) < 1.96)), float(np.std(apart))


def by_line() -> tuple[tuple[Any, Any], npt.NDArray[np.float64]]:
    """One field for all, a coupling for each row and each column of the grid."""
    rows = [f"row {v // SIDE}" for v, w in EDGES if w == v + 1] + [f"column {v % SIDE}" for v, w in EDGES if w == v + SIDE]
    rng = np.random.default_rng(0)
    return ("h", rows), np.concatenate([[0.1], rng.normal(0.1, 0.25, 20)])


def test_errors_cover_planted_couplings() -> None:
    """10 x 10 spins, 21 couplings, 60 data sets of 60 rows: 92-97 % of the intervals hold the truth."""
    held, scale = coverage(*by_line(), sets=60, rows=60)
    assert 0.92 < held < 0.97
    assert 0.9 < scale < 1.1


@pytest.mark.slow
def test_errors_cover_every_planted_coupling() -> None:
    """10 x 10 spins, a field for each and a coupling for each pair, 500 data sets of 500 rows."""
    rng = np.random.default_rng(1)
    names = [f"h{v}" for v in range(SIDE**2)], [f"J{i}" for i in range(len(EDGES))]
    truth = np.concatenate([rng.normal(0, 0.2, SIDE**2), rng.normal(0, 0.3, len(EDGES))])
    held, scale = coverage(names, truth, sets=500, rows=500)
    assert 0.92 < held < 0.97
    assert 0.9 < scale < 1.1


def test_one_graph_is_enough() -> None:
    """Weights and errors from a single configuration of 12 x 60 spins: neighbours' scores count, and intervals hold the truth."""
    width, length = 12, 60
    edges = [(v, v + 1) for v in range(width * length) if v % width < width - 1]
    edges += [(v, v + width) for v in range(width * (length - 1))]
    graph = ising(edges, width * length, h=0.05, J=0.25)
    model, truth = learning_model(graph), np.array([0.05, 0.25])
    held, naive = [], []
    for row in exact_draws(graph, 100, rng=3):
        observed = observations(graph, None, dict(enumerate(row.tolist())), (), None)
        target = pseudo_likelihood(model, observed)
        found = si.minimize(target, si.optim.LBFGS(), truth, progress=False).x
        covariance = godambe(target, found, target.n_points)
        assert covariance is not None
        held.append(np.abs(found - truth) < 1.96 * np.sqrt(np.diag(covariance)))
        bread = np.linalg.inv(curvature(target, found))
        naive.append(np.abs(found - truth) < 1.96 * np.sqrt(np.diag(bread) / target.n_points))
    assert 0.9 < np.mean(held) < 0.985
    assert np.mean(naive) < np.mean(held)


def test_scores_of_strangers_are_uncorrelated() -> None:
    """Over many draws the mean of all products of scores is the mean over neighbours alone."""
    graph = ising(GRID, 9, h=0.3, J=0.5)
    model, rows = learning_model(graph), drawn(graph, 1500, 4)
    values = model.values
    each, whole = np.zeros((2, 2)), np.zeros((2, 2))
    for row in rows:
        target = pseudo_likelihood(model, observations(graph, None, dict(enumerate(row.tolist())), (), None))
        near = score_covariance(target, values)
        assert near is not None
        score = target.full_gradient(values) * target.n_points
        each += near * target.n_points / 1500
        whole += np.outer(score, score) / 1500
    np.testing.assert_allclose(each, whole, rtol=0.15)
