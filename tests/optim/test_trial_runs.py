"""Learning rates that nobody told, where no bound of the curvature serves: trial steps and trial runs."""

import math
from typing import Any, NamedTuple

import numpy as np
import pytest
from parts_for_tests import needs_jit, refused

import stochinf as si
from stochinf.engine.parts import part
from stochinf.optim.averaged import AveragedSGD
from stochinf.optim.curvature import Curvature, bounded, unbounded
from stochinf.optim.trial_runs import found, tries

RNG = np.random.default_rng(12)
N = 300
X = 0.5 * RNG.normal(size=(N, 5))
COUNTS = RNG.poisson(np.exp(X @ RNG.normal(size=5)))
LABELS = np.where(X @ RNG.normal(size=5) + 0.3 * RNG.logistic(size=N) > 0, 1.0, -1.0)
POISSON = si.models.PoissonRegression(X, COUNTS, l2=0.01)
LOGISTIC = si.models.LogisticRegression(X, LABELS, l2=0.01)
BENDS, CENTRES = RNG.uniform(1.0, 5.0, size=40), RNG.normal(size=(40, 2))


def value(w, i):
    """A parabola, each with a curvature of its own."""
    return 0.5 * BENDS[i] * ((w - CENTRES[i]) ** 2).sum()


def gradient(w, i):
    """What belongs to it."""
    return BENDS[i] * (w - CENTRES[i])


def parabolas(scale=1.0, count=None):
    """A sum whose optimum is known; `count` counts calls."""

    def counting(f):
        def counted(w, i):
            if count is not None:
                count[0] += 1
            return scale * f(w, i)

        return counted

    return si.FiniteSum(counting(value), counting(gradient), 40, 2)


OPTIMUM = (BENDS[:, None] * CENTRES).sum(0) / BENDS.sum()


@pytest.mark.fast
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_the_curvature_of_parabolas_is_found_to_a_factor_of_two(scale):
    largest = Curvature(parabolas(scale).as_target(), np.zeros(2), 3).largest()
    assert 1.0 <= largest / (scale * BENDS.max()) < 2.0


@pytest.mark.fast
def test_steps_at_the_curvature_lower_every_term_by_what_was_asked():
    target = POISSON.as_target()
    trials = Curvature(target, np.zeros(5), 3)
    largest, total = trials.seen(trials.start, 0.0)
    values = np.array([target.value(np.zeros(5), i) for i in range(N)])
    assert total == pytest.approx(values.sum(), rel=1e-12)

    def serves(curvature):
        slopes = (1.0 - COUNTS)[:, None] * X
        ahead = -slopes / curvature
        after = np.array([target.value(ahead[i], i) for i in range(N)])
        return after <= values - 0.5 * (slopes**2).sum(1) / curvature + 1e-8 * np.abs(values)

    assert serves(largest).all()
    assert not serves(largest / 2).all()


@pytest.mark.fast
def test_the_curvature_is_that_around_the_optimum_too():
    target = POISSON.as_target()
    trials = Curvature(target, np.zeros(5), 3)
    at_start, _ = trials.seen(trials.start, 0.0)
    largest = trials.largest()
    means = np.exp(X @ si.minimize(POISSON).x)
    around = (means * (X**2).sum(1)).max()
    assert at_start <= largest
    assert 0.5 * around < largest < 8.0 * around


@pytest.mark.fast
def test_who_asks_for_trials():
    poisson, logistic, sums = POISSON.as_target(), LOGISTIC.as_target(), parabolas().as_target()
    assert unbounded(poisson)
    assert unbounded(sums)
    assert not unbounded(logistic)
    assert bounded("SGD", logistic) == pytest.approx(0.25 * (X**2).sum(1).max() + 0.01)
    optim, batches, whole = si.optim, si.pickers.Minibatches(8), si.pickers.Minibatches(N)
    for rule in (optim.SGD(), optim.Momentum(), optim.Nesterov(), optim.Averaging(optim.SGD())):
        assert tries(rule, sums, None)
        assert tries(rule, logistic, batches)
        assert not tries(rule, logistic, whole)
        assert tries(rule, poisson, whole)
    for rule in (optim.SAG(), optim.SAGA(), optim.SVRG()):
        assert tries(rule, poisson, None)
        assert not tries(rule, logistic, None)
    for rule in (
        optim.SGD(0.1),
        optim.SGD(convention="torch"),
        optim.Adam(),
        optim.SAGA(0.1),
        optim.Newton(),
        optim.NelderMead(),
    ):
        assert not tries(rule, poisson, None)
    assert not tries(optim.SGD(), si.Function(lambda w: w @ w, 2, lambda w: 2 * w).as_target(), None)


RUNS = {
    "SGD": ({}, si.optim.SGD(), 1e-3),
    "SGD, batches": ({"picker": si.pickers.Minibatches(8)}, si.optim.SGD(), 0.1),
    "SGD, a schedule": ({"schedule": si.schedules.Cosine(3000)}, si.optim.SGD(), 1e-2),
    "Momentum": ({}, si.optim.Momentum(), 1e-2),
    "Nesterov": ({}, si.optim.Nesterov(), 1e-2),
    "a chain": ({}, si.optim.chain(si.optim.clip(20.0), si.optim.momentum(0.5)), 1e-2),
    "an average": ({}, si.optim.Averaging(si.optim.Momentum()), 1e-2),
    "SAG": ({}, si.optim.SAG(), 1e-2),
    "SAGA": ({}, si.optim.SAGA(), 1e-4),
    "SVRG": ({}, si.optim.SVRG(), 1e-4),
}


@pytest.mark.parametrize("name", RUNS)
def test_untouched_they_come_close_where_curvature_has_no_bound(name):
    told, rule, near = RUNS[name]
    best = si.minimize(POISSON).fun
    for seed in (0, 1):
        result = si.minimize(POISSON, rule, **told, stop=si.stop.epochs(10), rng=seed)
        assert result.fun - best <= near * (result.history[0][1] - best)
        assert 0 <= result.fun - best <= result.gap
        assert (name == "SGD") != ("learning rate by trial" in result.reason)
        assert result.nfev > result.nit


@pytest.mark.parametrize("rule", [si.optim.Momentum(), si.optim.Nesterov()], ids=["Momentum", "Nesterov"])
def test_falling_rates_leave_less_noise_than_the_largest_stable_one(rule):
    best = si.minimize(LOGISTIC).fun
    largest = bounded("SGD", LOGISTIC.as_target())
    steady = si.minimize(LOGISTIC, rule._replace(learning_rate=0.1 / largest), stop=si.stop.epochs(10), rng=0)
    tried = si.minimize(LOGISTIC, rule, stop=si.stop.epochs(10), rng=0)
    assert tried.fun - best < 0.5 * (steady.fun - best)
    assert tried.fun - best < 2e-2 * tried.history[0][1]


@pytest.mark.parametrize("rule", [si.optim.SGD(), si.optim.Momentum(), si.optim.SAGA()], ids=["SGD", "Momentum", "SAGA"])
def test_a_sum_of_ones_own_needs_no_rate(rule):
    result = si.minimize(parabolas(), rule, stop=si.stop.epochs(50), rng=0)
    np.testing.assert_allclose(result.x, OPTIMUM, atol=1e-6 if isinstance(rule, si.optim.SAGA) else 0.1)


@pytest.mark.fast
@pytest.mark.parametrize("rule", [si.optim.SGD(), si.optim.SVRG()], ids=["SGD", "SVRG"])
def test_every_value_and_gradient_of_trials_is_counted(rule):
    count = [0]
    made, evaluations, why = found(rule, parabolas(count=count).as_target(), None, None, None, 5)
    assert evaluations == count[0]
    assert why.startswith("learning rate by trial")
    assert made != rule


@pytest.mark.fast
def test_where_no_term_has_a_slope_there_is_a_rate_too():
    flat = si.FiniteSum(lambda w, i: 1.0, lambda w, i: 0.0 * w, 4, 2)
    for rule in (si.optim.SGD(), si.optim.SAGA()):
        result = si.minimize(flat, rule, np.ones(2), rng=0)
        assert result.success
        assert (result.x == 1.0).all()


@pytest.mark.fast
def test_a_gradient_of_the_wrong_sign_is_not_followed():
    wrong = si.FiniteSum(value, lambda w, i: -gradient(w, i), 40, 2)
    result = si.minimize(wrong, si.optim.SGD(), np.zeros(2), rng=0)
    assert result.fun <= result.history[0][1] * (1 + 1e-6)


def test_trials_stay_where_the_terms_are_finite():
    shares = np.abs(CENTRES[:, 0]) + 0.1
    domain = si.FiniteSum(lambda w, i: shares[i] * w[0] - np.log(w[0]), lambda w, i: shares[i] - 1.0 / w, 40, 1)
    with np.errstate(invalid="ignore"):
        result = si.minimize(domain, si.optim.SGD(), np.array([0.1]), stop=si.stop.epochs(50), rng=0)
    assert result.x[0] == pytest.approx(1.0 / shares.mean(), rel=0.05)


def test_the_same_seed_gives_the_same_bits_however_the_run_is_cut():
    rule, stop = si.optim.Momentum(), si.stop.epochs(3)
    first = si.minimize(POISSON, rule, stop=stop, rng=4)
    again = si.minimize(POISSON, rule, stop=stop | si.stop.seconds(1000), rng=4, callback=lambda report: False)
    assert (first.x == again.x).all()
    assert first.nfev == again.nfev
    assert (first.x != si.minimize(POISSON, rule, stop=stop, rng=5).x).any()


def test_constraints_hold_and_rates_are_found():
    inside = si.models.Constrained(POISSON, -0.2, 0.2)
    best = si.minimize(inside)
    for rule in (si.optim.SGD(), si.optim.Momentum()):
        result = si.minimize(inside, rule, stop=si.stop.epochs(20), rng=0)
        assert np.abs(result.x).max() <= 0.2
        assert result.fun - best.fun < 0.02 * (result.history[0][1] - best.fun)


@pytest.mark.fast
def test_linear_models_of_unbounded_curvature_have_pilot_runs():
    seen = []
    si.minimize(POISSON, si.optim.SGD(), stop=si.stop.steps(3), rng=0, callback=lambda report: seen.append(report))
    assert AveragedSGD(math.nan).prepare(POISSON.as_target()).spacing >= 1
    assert si.minimize(POISSON, si.optim.SGD(), stop=si.stop.steps(3), rng=0).nfev > 3 * 2048


def test_chunks_of_an_estimator_go_on_with_the_rate_of_the_first():
    from stochinf.estimators import SGDClassifier

    made = SGDClassifier("log_loss", alpha=0.01, rule=si.optim.Momentum(), random_state=0)
    for rows in np.array_split(np.arange(N), 3):
        made.partial_fit(X[rows], LABELS[rows], classes=[-1.0, 1.0])
    assert list(made._rates) == [0]
    assert made.score(X, LABELS) > 0.8


BAD = {
    "a start of the wrong size": (
        lambda: si.minimize(POISSON, si.optim.Momentum(), np.zeros(3)),
        "Momentum: a starting position of 3",
    ),
    "l1": (lambda: si.minimize(si.models.PoissonRegression(X, COUNTS, l1=0.1), si.optim.Momentum()), "Momentum: l1 = 0.1"),
    "no stop": (lambda: si.minimize(POISSON, si.optim.Momentum(), stop=3), "stop = 3"),
    "beyond the rows": (
        lambda: si.minimize(POISSON, si.optim.Momentum(), picker=si.pickers.Uniform(N + 1)),
        f"n = {N + 1}, and LinearTarget has {N} points",
    ),
    "batches": (lambda: si.minimize(POISSON, si.optim.SAGA(), picker=si.pickers.Minibatches(4)), "takes one point a step"),
    "run": (
        lambda: si.run(si.optim.SGD(), POISSON, steps=1),
        "SGD: learning_rate was left open, and no constant bounds the curvature",
    ),
    "one term": (lambda: si.minimize(si.Function(lambda w: w @ w, 2, lambda w: 2 * w), si.optim.SGD()), r"no row_smoothness\(\)"),
}


@pytest.mark.fast
@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_is_named_before_anything_compiles(case):
    refused(*BAD[case])


@part
class Pulled(NamedTuple):
    """A target of one's own, of one point a step."""

    centres: Any

    dim = 2
    n_points = 40

    def start(self, generator):
        return np.zeros(2)

    def objective(self, position):
        return float(0.5 * ((position - self.centres) ** 2).sum(1).mean())

    def gradient(self, position, point, out):
        for j in range(2):
            out[j] = position[j] - self.centres[point, j]

    def value(self, position, point):
        x, y = position[0] - self.centres[point, 0], position[1] - self.centres[point, 1]
        return 0.5 * (x * x + y * y)


@part
class Uncompiled(NamedTuple):
    """Another, whose value is no business of the compiler's."""

    centres: Any

    dim = 2
    n_points = 40
    start, objective, gradient = Pulled.start, Pulled.objective, Pulled.gradient

    def value(self, position, point):
        return sorted({1: object()}, key=print)


def test_a_target_of_ones_own_takes_one_point_a_step():
    result = si.minimize(Pulled(CENTRES), si.optim.SGD(), stop=si.stop.epochs(50), rng=0)
    np.testing.assert_allclose(result.x, CENTRES.mean(0), atol=0.05)


@needs_jit
def test_a_value_that_cannot_be_compiled_is_named():
    with pytest.raises(si.CompilationError, match=r"Uncompiled\.value .*cannot be compiled"):
        si.minimize(Uncompiled(CENTRES), si.optim.SGD(), rng=0)


@pytest.mark.fast
def test_an_error_of_a_term_in_a_trial_names_the_term():
    def seventh(w, i):
        if i == 7:
            raise ValueError("seven")
        return value(w, i)

    with pytest.raises(si.ObjectiveError, match=r"term 7 raised ValueError: seven"):
        si.minimize(si.FiniteSum(seventh, gradient, 40, 2), si.optim.SGD(), rng=0)
