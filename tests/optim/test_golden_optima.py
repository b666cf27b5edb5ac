"""Optima recorded from another program: found, and never further away than the certificate says."""

import bz2
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_svmlight_file

import stochinf as si

DATA = Path(__file__).parents[1] / "data" / "optim"
GOLDEN = json.loads((DATA / "golden_optima.json").read_text(encoding="utf-8"))


def load(name):
    with bz2.open(DATA / f"{name}.bz2") as file:
        return load_svmlight_file(file)


DATA_SETS = {name: load(name) for name in ("a1a", "a9a")}


@pytest.mark.parametrize("strength", ["0.01", "1", "100"])
@pytest.mark.parametrize("name", DATA_SETS)
def test_logistic_regression_comes_to_the_recorded_optimum(name, strength):
    X, y = DATA_SETS[name]
    recorded = float(GOLDEN["logreg"][name][f"C={strength}"]["f"])
    model = si.models.LogisticRegression(X, y, l2=1.0 / (y.size * float(strength)))
    result = si.minimize(model)
    assert result.reason.startswith("Newton")
    assert result.fun == pytest.approx(recorded, abs=2e-15)
    assert result.gap < 1e-13
    target = model.as_target()
    rng = np.random.default_rng(0)
    for far in (0.0, 1e-6, 1e-3, 0.1, 1.0):
        w = result.x + far * rng.normal(size=result.x.size)
        assert target.objective(w) - recorded <= target.certificate(w).bound + 1e-16


@pytest.mark.parametrize("rule", [si.optim.LBFGS(), si.optim.SAGA(), si.optim.SGD()], ids=lambda rule: type(rule).__name__)
def test_other_rules_are_never_further_away_than_they_say(rule):
    X, y = DATA_SETS["a1a"]
    recorded = float(GOLDEN["logreg"]["a1a"]["C=1"]["f"])
    model = si.models.LogisticRegression(X, y, l2=1.0 / y.size)
    for epochs in (1, 5, 25):
        result = si.minimize(model, rule, stop=si.stop.epochs(epochs), rng=0)
        assert result.fun - recorded <= result.gap


@pytest.mark.parametrize("strength", ["0.01", "1"])
def test_the_squared_hinge_comes_to_the_recorded_optimum(strength):
    X, y = DATA_SETS["a9a"]
    c = float(strength)
    recorded = float(GOLDEN["svm_a9a"][f"l2loss C={strength}"]) / (c * y.size)
    result = si.minimize(si.models.SquaredHinge(X, y, l2=1.0 / (c * y.size)))
    assert result.fun == pytest.approx(recorded, abs=1e-12)
    assert result.fun - recorded <= result.gap + 1e-15


def test_sgd_that_was_told_nothing_comes_near():
    X, y = DATA_SETS["a1a"]
    recorded = float(GOLDEN["logreg"]["a1a"]["C=1"]["f"])
    model = si.models.LogisticRegression(X, y, l2=1.0 / y.size)
    for seed in range(3):
        one, ten = (si.minimize(model, si.optim.SGD(), stop=si.stop.epochs(e), rng=seed) for e in (1, 10))
        assert one.fun - recorded <= 2e-3 * np.log(2.0)
        assert ten.fun - recorded <= 5e-4 * np.log(2.0)
