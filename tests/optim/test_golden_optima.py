"""Certificates on problems whose optima are recorded: no objective lies below, none farther above than its gap."""

import bz2
import json
import lzma
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_svmlight_file

import stochinf as si

DATA = Path(__file__).parents[1] / "data" / "optim"
ROUNDING = 1e-14
"""Of an objective, relative: a recorded optimum is known no better."""


@cache
def golden() -> Any:
    return json.loads((DATA / "golden_optima.json").read_text(encoding="utf-8"))


@cache
def housing() -> Any:
    with lzma.open(DATA / "housing_scale.xz") as file:
        X, y = load_svmlight_file(file)
    return X.toarray(), y - y.mean()


@cache
def a1a() -> Any:
    with bz2.open(DATA / "a1a.bz2") as file:
        return load_svmlight_file(file)


def check(result: Any, optimum: float, close: float = 1e-6) -> None:
    """The optimum lies between the objective less its gap and the objective."""
    room = ROUNDING * abs(optimum)
    assert result.fun >= optimum - room
    assert result.fun - optimum <= result.gap + room
    assert result.gap <= close * max(1.0, optimum)


@pytest.mark.parametrize(
    "rule", [si.optim.WorkingSets(1e-2), si.optim.WorkingSets(1e-12), si.optim.CoordinateDescent()], ids=repr
)
@pytest.mark.parametrize("case", ["a=0.1 l1r=1", "a=0.1 l1r=0.5", "a=1 l1r=1"])
def test_housing(rule, case):
    X, y = housing()
    alpha, ratio = (float(word.split("=")[1]) for word in case.split())
    model = si.models.LinearRegression(X, y, l1=alpha * ratio, l2=alpha * (1 - ratio))
    result = si.minimize(model, rule, stop=si.stop.epochs(5000))
    known = golden()["housing_scale"][case]
    check(result, float(known["f"]), 1.0)
    if "1e-12" in repr(rule):
        check(result, float(known["f"]), 1e-10)
        np.testing.assert_allclose(result.x, known["coef"], atol=1e-4)


@pytest.mark.parametrize("C", [0.01, 1, 100])
def test_logistic_regression(C):
    X, y = a1a()
    optimum = float(golden()["logreg"]["a1a"][f"C={C}"]["f"])
    model = si.models.LogisticRegression(X, y, l2=1 / (y.size * C))
    check(si.minimize(model), optimum, 1e-9)
    for epochs in (1, 10, 100):
        rough = si.minimize(model, si.optim.DualCoordinateAscent(), stop=si.stop.epochs(epochs), rng=0)
        check(rough, optimum, np.inf)
        rough = si.minimize(model, si.optim.SGD(0.05), stop=si.stop.epochs(epochs), rng=0)
        check(rough, optimum, np.inf)
    close = si.minimize(model, si.optim.WorkingSets(1e-9))
    check(close, optimum, 1e-8)
