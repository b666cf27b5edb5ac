"""Searches: they find planted optima, warn at borders and only there, resume what they halve, and cost next to nothing."""

import math
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import stochinf as si
from stochinf.search import BorderWarning, Choice, Integers, Log, Uniform

MODEL = si.models.LogisticRegression(np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2, l2=0.1)
WAYS = {"random": si.search.random, "coarse to fine": si.search.coarse_to_fine}


def planted(place):
    """A score whose optimum in log10(x) is at a place."""
    return lambda p: (math.log10(p["x"]) - place) ** 2


@pytest.mark.fast
@pytest.mark.parametrize("way", WAYS)
def test_the_border_is_told_where_the_optimum_lies_beyond_and_only_there(way):
    for seed, place in enumerate(np.linspace(-3.0, 3.0, 13)):
        beyond = abs(place) > 1.75
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = WAYS[way](planted(place), {"x": Log(1e-2, 1e2)}, 100, rng=seed)
        told = [w for w in caught if issubclass(w.category, BorderWarning)]
        if beyond:
            assert found.border == ("x",)
            assert "search a wider one" in str(told[0].message)
        elif abs(place) < 1.45:
            assert (found.border, told) == ((), [])
            assert abs(math.log10(found.best["x"]) - place) < (0.15 if way == "random" else 0.02)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("interval", "low", "high"),
    [(Log(1e-3, 10.0), 1e-3, 10.0), (Uniform(-1, 2), -1, 2), (Integers(3, 9), 3, 9), (Integers(1, 99, log=True), 1, 99)],
)
def test_ranges_are_filled_and_never_left(interval, low, high):
    values = [interval.value(u) for u in np.linspace(0, 1, 2001)]
    assert (min(values), max(values)) == (pytest.approx(low), pytest.approx(high))
    assert low <= min(values)
    assert max(values) <= high
    for value in (low, high, values[700]):
        assert interval.value(interval.place(value)) == pytest.approx(value)
    if isinstance(interval, Integers) and not interval.log:
        counts = np.bincount(values[:-1])[low:]
        assert counts.min() > 0.98 * counts.mean()


@pytest.mark.fast
def test_threads_and_executors_change_nothing():
    def score(p, rng):
        return p["x"] + np.random.default_rng(rng).random()

    space = {"x": Uniform(-5, 5), "kind": Choice(("a", "b"))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BorderWarning)
        serial = si.search.random(score, space, 40, rng=3)
        with ThreadPoolExecutor(2) as pool:
            others = [
                si.search.random(score, space, 40, rng=3, threads=4),
                si.search.random(score, space, 40, rng=3, executor=pool),
            ]
    for other in others:
        assert repr(other.trials) == repr(serial.trials)
    assert {t.parameters["kind"] for t in serial.trials} == {"a", "b"}
    assert serial.rng_entropy == 3


@pytest.mark.fast
def test_failed_trials_are_kept_and_a_search_of_failures_is_none():
    def score(p):
        if p["x"] > 0.5:
            raise ZeroDivisionError("no")
        return math.nan if p["x"] > 0.3 else abs(p["x"])

    found = si.search.random(score, {"x": Uniform(-1, 1)}, 50, rng=0)
    assert any(t.error.startswith("ZeroDivisionError") for t in found.trials)
    assert found.score < 0.2
    with pytest.raises(si.StochinfError, match="none of 5 trials succeeded; ZeroDivisionError: division by zero"):
        si.search.random(lambda p: 1 / 0, {"x": Uniform(0, 1)}, 5, rng=0)
    with pytest.raises(KeyError):
        si.search.random(lambda p: p["y"], {"x": Uniform(0, 1)}, 5, rng=0)


@pytest.mark.fast
def test_halving_gives_each_its_share_and_goes_on_from_where_it_stands():
    seen = []
    lock = threading.Lock()

    def advance(parameters, budget, state):
        state = (state or 0.0) + budget
        with lock:
            seen.append(budget)
        return (parameters["x"] - 0.1) ** 2 + 1.0 / state, state

    found = si.search.successive_halving(advance, {"x": Uniform(-1, 1)}, 27, budget=1, rng=1)
    assert sorted(seen) == [1.0] * 27 + [2.0] * 9 + [6.0] * 3 + [18.0]
    assert sorted(t.budget for t in found.trials) == [1.0] * 18 + [3.0] * 6 + [9.0] * 2 + [27.0]
    assert found.best_trial.budget == 27.0
    assert abs(found.best["x"] - 0.1) < 0.1
    again = si.search.successive_halving(advance, {"x": Uniform(-1, 1)}, 27, budget=1, rng=1, threads=3)
    assert again.trials == found.trials


@pytest.mark.fast
def test_a_descent_resumed_is_the_descent_in_one_piece():
    advance = si.search.descents(MODEL, lambda p: si.optim.SGD(p["rate"], si.optim.momentum(0.9)), rng=5)
    state = None
    for budget in (1, 2, 7):
        score, state = advance({"rate": 0.05}, budget, state)
    whole, session = advance({"rate": 0.05}, 10, None)
    assert score == whole
    assert state.positions().tobytes() == session.positions().tobytes()
    diverged, _ = advance({"rate": 1e200}, 10, None)
    assert not math.isfinite(diverged) or diverged > 1e10


@pytest.mark.fast
def test_estimators_can_be_searched():
    from sklearn.linear_model import Ridge, SGDClassifier

    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    y = X @ [1.0, 0.0, -2.0] + rng.normal(size=80)
    found = si.search.coarse_to_fine(si.search.cross_validation(Ridge(), X, y, cv=4), {"alpha": Log(1e-2, 1e3)}, 15, rng=0)
    assert found.best["alpha"] < 50
    labels = (y > 0).astype(int)
    estimator = SGDClassifier(random_state=0)
    advance = si.search.partial_fits(estimator, X[:60], labels[:60], X[60:], labels[60:], classes=[0, 1])
    halved = si.search.successive_halving(advance, {"alpha": Log(1e-5, 1e2), "penalty": Choice(("l1", "l2"))}, 9, rng=0)
    assert halved.score < -0.7


def test_optuna_is_asked_where_it_is_there_and_asked_for_where_not():
    try:
        import optuna  # noqa: F401
    except ImportError:
        with pytest.raises(si.StochinfError, match="pip install optuna"):
            si.search.bayesian(planted(0.0), {"x": Log(1e-2, 1e2)}, 10, rng=0)
        return
    space = {"x": Log(1e-2, 1e2), "n": Integers(1, 9), "kind": Choice((None, "a"))}
    found = si.search.bayesian(lambda p: planted(0.3)(p) + (p["n"] - 5) ** 2, space, 60, rng=0)
    assert abs(math.log10(found.best["x"]) - 0.3) < 0.5


@pytest.mark.fast
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Log(0.0, 1.0), "positive"),
        (lambda: Uniform(2.0, 1.0), "lower one first"),
        (lambda: Integers(1.5, 3), "integer"),
        (lambda: Choice(()), "at least one"),
        (lambda: si.search.random(len, {}, 3), "space"),
        (lambda: si.search.random(len, {"x": (0, 1)}, 3), "Log, Uniform"),
        (lambda: si.search.random(3, {"x": Uniform(0, 1)}), "score = 3"),
        (lambda: si.search.random(len, {"x": Uniform(0, 1)}, 0), "trials"),
        (lambda: si.search.coarse_to_fine(len, {"x": Uniform(0, 1)}, shrink=1.0), "shrink"),
        (lambda: si.search.successive_halving(3, {"x": Uniform(0, 1)}), "advance"),
        (lambda: si.search.successive_halving(len, {"x": Uniform(0, 1)}, budget=0), "budget"),
    ],
)
def test_bad_searches_are_refused(make, message):
    with pytest.raises(si.StochinfError, match=message):
        make()
