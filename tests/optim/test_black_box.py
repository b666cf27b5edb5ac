"""Rules that ask for values alone: they find optima, keep to the box, stop with words, and do the same however a run is cut."""

import math

import numpy as np
import pytest
import scipy.optimize

import stochinf as si
from stochinf.engine.block import NEVER, advance
from stochinf.engine.jit import JIT, entry
from stochinf.engine.session import Plan, build
from stochinf.optim.black_box.contract import fold
from stochinf.optim.black_box.eigen import decompose
from stochinf.optim.black_box.evolution import adapt, new_distribution, new_sample, rates_for, set_weights
from stochinf.optim.black_box.restarts import Bipop, Ipop, new_ledger

CENTRE = np.array([0.5, -1.0, 0.25])


def bowl(x):
    total = 0.0
    for i in range(x.size):
        total += 10.0**i * (x[i] - 0.5 + 1.5 * (i == 1) + 0.25 * (i == 2)) ** 2
    return total


def rosenbrock(x):
    total = 0.0
    for i in range(x.size - 1):
        total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total


PROBLEM = si.Function(bowl, 3, region=(-2, 2))
RULES = {
    "CMAES": si.optim.CMAES(),
    "CMAES once": si.optim.CMAES(0.5, population=10, restarts=si.optim.Once()),
    "NelderMead": si.optim.NelderMead(),
    "RandomSearch around": si.optim.RandomSearch(0.5),
    "TwoPoint": si.optim.TwoPoint(),
    "SPSA": si.optim.SPSA(directions=2),
}


@entry
def decomposed(matrix, vectors, values, work):
    return decompose(matrix, vectors, values, work)


@entry
def adapted(law, sample, population, generation):
    set_weights(sample, population, law.mean.size)
    return adapt(law, sample, population, generation)


@pytest.mark.fast
@pytest.mark.parametrize("n", [1, 2, 5, 20])
def test_eigenvectors_are_those_of_lapack(n):
    rng = np.random.default_rng(n)
    turn = np.linalg.qr(rng.normal(size=(n, n)))[0]
    for spectrum in (rng.normal(size=n), 10.0 ** np.linspace(0, -12, n), np.ones(n), np.zeros(n)):
        matrix = turn @ np.diag(spectrum) @ turn.T
        matrix = (matrix + matrix.T) / 2
        vectors, values = np.empty((n, n)), np.empty(n)
        assert decomposed(matrix, vectors, values, np.empty(n))
        size = max(1e-300, np.abs(matrix).max())
        np.testing.assert_allclose(vectors @ np.diag(values) @ vectors.T, matrix, atol=1e-13 * size * n)
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(n), atol=1e-13 * n)
        np.testing.assert_allclose(np.sort(values), np.linalg.eigvalsh(matrix), atol=1e-13 * size * n)
    assert not decomposed(np.full((n, n), np.nan), np.empty((n, n)), np.empty(n), np.empty(n))


@pytest.mark.fast
def test_a_generation_of_cma_es_is_that_of_the_tutorial():
    rng = np.random.default_rng(0)
    n, population, generation = 4, 8, 3
    law, sample = new_distribution(rng.normal(size=n), np.array([1.0, 2.0, 0.5, 1.5]), 0.7), new_sample(16, n)
    law.path_sigma[:], law.path_c[:] = rng.normal(size=n), rng.normal(size=n)
    z = rng.normal(size=(population, n))
    steps = z @ np.diag(law.scales)
    values = rng.permutation(population).astype(float)
    sample.steps[:population], sample.values[:population], sample.norms[:population] = steps, values, (z**2).sum(1)
    mean, sigma, C, p_s, p_c = law.mean.copy(), 0.7, np.diag(law.scales**2), law.path_sigma.copy(), law.path_c.copy()

    half = population // 2
    raw = np.log((population + 1) / 2) - np.log(np.arange(1, population + 1))
    mu = raw[:half].sum() ** 2 / (raw[:half] ** 2).sum()
    c_s, c_c = min(0.5, (mu + 2) / (n + mu + 3)), (4 + mu / n) / (n + 4 + 2 * mu / n)
    d_s = 1 + 2 * max(0, math.sqrt((mu - 1) / (n + 1)) - 1) + c_s
    c_1 = 2 / ((n + 1.3) ** 2 + mu)
    c_mu = min(1 - c_1, 2 * (0.25 + mu + 1 / mu - 2) / ((n + 2) ** 2 + mu))
    mu_minus = raw[half:].sum() ** 2 / (raw[half:] ** 2).sum()
    limit = min(1 + c_1 / c_mu, 1 + 2 * mu_minus / (mu + 2), (1 - c_1 - c_mu) / (n * c_mu))
    weights = np.concatenate([raw[:half] / raw[:half].sum(), limit * raw[half:] / -raw[half:].sum()])
    y = steps[np.argsort(values)]
    step = weights[:half] @ y[:half]
    p_s = (1 - c_s) * p_s + math.sqrt(c_s * (2 - c_s) * mu) * np.linalg.inv(np.diag(law.scales)) @ step
    chi = math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n))
    heard = np.linalg.norm(p_s) / math.sqrt(1 - (1 - c_s) ** (2 * (generation + 1))) < (1.4 + 2 / (n + 1)) * chi
    p_c = (1 - c_c) * p_c + heard * math.sqrt(c_c * (2 - c_c) * mu) * step
    mixed = [w if w >= 0 else w * n / ((y_k / law.scales) ** 2).sum() for w, y_k in zip(weights, y, strict=True)]
    kept = 1 - c_1 - c_mu * weights.sum() + (not heard) * c_1 * c_c * (2 - c_c)
    C = kept * C + c_1 * np.outer(p_c, p_c) + c_mu * sum(w * np.outer(y_k, y_k) for w, y_k in zip(mixed, y, strict=True))

    assert adapted(law, sample, population, generation)
    np.testing.assert_allclose(law.mean, mean + sigma * step, rtol=1e-12)
    np.testing.assert_allclose(law.path_sigma, p_s, rtol=1e-12)
    np.testing.assert_allclose(law.path_c, p_c, rtol=1e-12)
    np.testing.assert_allclose(law.covariance, C, rtol=1e-11, atol=1e-14)
    assert law.sigma[0] == pytest.approx(sigma * math.exp(c_s / d_s * (np.linalg.norm(p_s) / chi - 1)), rel=1e-12)
    np.testing.assert_allclose(law.axes @ np.diag(law.lengths**2) @ law.axes.T, C, atol=1e-12)
    assert rates_for(mu, n).c_mu == pytest.approx(c_mu)


@pytest.mark.fast
@pytest.mark.parametrize("name", RULES)
def test_every_rule_comes_close_to_the_optimum(name):
    result = si.minimize(PROBLEM, RULES[name], x0=np.zeros(3), stop=si.stop.steps(1500), rng=1)
    assert result.success
    tolerance = 0.02 if name in ("TwoPoint", "SPSA") else 1e-9
    assert result.fun < tolerance
    np.testing.assert_allclose(result.x, CENTRE, atol=4 * math.sqrt(tolerance))
    assert result.fun == pytest.approx(bowl(result.x), rel=1e-12, abs=1e-300)
    values = [value for _, value in result.history]
    if name not in ("TwoPoint", "SPSA"):
        assert values == sorted(values, reverse=True)
        assert result.nfev <= 1500


@pytest.mark.fast
@pytest.mark.parametrize("name", RULES)
def test_the_bits_are_the_same_however_a_run_is_cut(name):
    def state(cuts):
        target = PROBLEM.as_target()
        plan = Plan(RULES[name], target, None, None, si.observers.Nothing(), np.zeros(3), 1, 0, NEVER, False, 5)
        block = build(plan, 0).blocks[0]
        for cut in cuts:
            advance(block, cut)
        return block.state

    whole, pieces = state([300]), state([1, 7, 100, 192])
    assert whole.position.tobytes() == pieces.position.tobytes()
    assert whole.stats.tobytes() == pieces.stats.tobytes()


@pytest.mark.skipif(not JIT, reason="about compiled code")
@pytest.mark.parametrize("name", ["CMAES", "NelderMead"])
def test_compiled_and_plain_functions_give_the_same_bits(name):
    plain = si.minimize(PROBLEM, RULES[name], x0=np.zeros(3), stop=si.stop.steps(700), rng=2)
    compiled = si.Function(bowl, 3, region=(-2, 2), compiled=True)
    assert plain.x.tobytes() == si.minimize(compiled, RULES[name], x0=np.zeros(3), stop=si.stop.steps(700), rng=2).x.tobytes()


@pytest.mark.fast
def test_nelder_and_mead_take_the_steps_of_scipy():
    ours, theirs = [], []
    start = np.array([-1.2, 1.0, 0.7])

    def seen(points):
        return lambda x: points.append(x.copy()) or rosenbrock(x)

    si.minimize(si.Function(seen(ours), 3), si.optim.NelderMead(0.5), x0=start, stop=si.stop.steps(150), rng=0)
    simplex = np.vstack([start, start + 0.5 * np.eye(3)])
    options = {"adaptive": True, "initial_simplex": simplex, "maxfev": 150, "xatol": 0, "fatol": 0}
    scipy.optimize.minimize(seen(theirs), start, method="Nelder-Mead", options=options)
    np.testing.assert_allclose(ours[:140], theirs[:140], rtol=1e-9, atol=1e-12)


@pytest.mark.fast
def test_cma_es_sees_only_the_order_of_values():
    curved = si.Function(lambda x: 8.0 * bowl(x) + 1.0, 3, region=(-2, 2))
    one, other = (
        si.minimize(problem, si.optim.CMAES(0.3), x0=np.zeros(3), stop=si.stop.steps(200), rng=3) for problem in (PROBLEM, curved)
    )
    assert one.x.tobytes() == other.x.tobytes()


@pytest.mark.fast
@pytest.mark.parametrize("name", RULES)
def test_the_box_is_never_left_and_an_optimum_on_its_side_is_found(name):
    low, high = np.array([-1.0, -0.5, -np.inf]), np.array([1.0, np.inf, 2.0])
    outside = []

    def f(x):
        outside.append(bool((x < low).any() or (x > high).any()))
        return bowl(x)

    result = si.minimize(si.Function(f, 3, bounds=(low, high)), RULES[name], x0=np.zeros(3), stop=si.stop.steps(1200), rng=4)
    assert not any(outside)
    assert 2.5 <= result.fun < 2.5 + (0.1 if name in ("TwoPoint", "SPSA", "RandomSearch around") else 1e-6)


@pytest.mark.fast
def test_folding_mirrors():
    x = np.linspace(-7, 9, 101)
    folded = np.array([fold(v, -1.0, 2.0) for v in x])
    assert folded.min() >= -1.0
    assert folded.max() <= 2.0
    np.testing.assert_allclose(np.abs(np.diff(folded)).max(), 0.16, rtol=1e-9)
    assert fold(3.0, -np.inf, 1.0) == -1.0


@pytest.mark.fast
def test_bipop_gives_small_runs_as_much_as_large_ones():
    ledger, rng = new_ledger(8, 4096), np.array([1, 2, 3, 4], np.uint64)
    large = []
    for _ in range(60):
        used = 100 * int(ledger.population[0])
        ledger.spent[ledger.regime[0]] += min(used, int(ledger.budget[0]))
        assert Bipop(5).again(ledger, rng)
        assert 8 <= ledger.population[0] <= 8 * 2 ** ledger.doublings[0]
        assert 0.01 <= ledger.factor[0] <= 1.0
        if ledger.regime[0] == 1:
            large.append(int(ledger.population[0]))
    assert large[:6] == [16, 32, 64, 128, 256, 256]
    assert 0.3 < ledger.spent[0] / ledger.spent[1] < 1.7


@pytest.mark.fast
def test_populations_are_rounded_once_they_are_doubled():
    def sizes(rule, dim):
        ledger, rng = new_ledger(rule.prepare(si.Function(bowl, dim).as_target()).population, 4096), np.ones(4, np.uint64)
        large = [int(ledger.population[0])]
        for _ in range(4):
            assert Ipop().again(ledger, rng)
            large.append(int(ledger.population[0]))
        return large

    assert sizes(si.optim.CMAES(), 5) == [math.floor((4 + 3 * math.log(5)) * 2**k) for k in range(5)] == [8, 17, 35, 70, 141]
    assert sizes(si.optim.CMAES(population=7), 5) == [7, 14, 28, 56, 112]
    assert rates_for(1000.0, 5).c_sigma == 0.5


@pytest.mark.fast
def test_a_search_that_does_not_begin_again_ends():
    for rule in (si.optim.NelderMead(restarts=False), si.optim.CMAES(restarts=si.optim.Once())):
        result = si.minimize(PROBLEM, rule, x0=np.zeros(3), rng=0)
        assert (result.success, result.message) == (True, "converged")
        assert result.fun < 1e-12
        assert result.nfev < 3000


def test_of_a_sum_over_rows_all_rows_are_taken():
    X = np.random.default_rng(0).normal(size=(40, 2))
    model = si.models.LogisticRegression(X, X[:, 0] > 0.3, l2=0.1)
    best = si.minimize(model, si.optim.Newton())
    found = si.minimize(model, si.optim.NelderMead(1.0), stop=si.stop.steps(300), rng=0)
    np.testing.assert_allclose(found.x, best.x, atol=1e-5)
    assert found.fun == pytest.approx(best.fun, rel=1e-9)


@pytest.mark.fast
def test_a_search_stops_where_it_is_good_enough():
    result = si.minimize(PROBLEM, si.optim.CMAES(0.5), x0=np.zeros(3), stop=si.stop.below(1e-3) | si.stop.steps(9000), rng=0)
    assert result.message.startswith("objective")
    assert 1e-9 < result.fun <= 1e-3
    whole = si.minimize(PROBLEM, si.optim.CMAES(0.5), x0=np.zeros(3), stop=si.stop.steps(result.nit), rng=0)
    assert whole.x.tobytes() == result.x.tobytes()
    with pytest.raises(si.StochinfError, match="finite number"):
        si.stop.below(math.nan)


class Wrong(Exception):
    """What a user's function raises."""


@pytest.mark.fast
def test_a_function_that_raises_ends_the_run_with_the_best_before():
    calls = []

    def f(x):
        calls.append(1)
        if len(calls) > 700:
            raise Wrong("no more")
        return bowl(x)

    with pytest.raises(si.ObjectiveError, match="raised Wrong: no more") as caught:
        si.minimize(si.Function(f, 3), si.optim.CMAES(0.5), x0=np.ones(3), stop=si.stop.steps(10_000), rng=0)
    assert isinstance(caught.value.__cause__, Wrong)
    assert caught.value.result.fun < bowl(np.ones(3))


@pytest.mark.fast
@pytest.mark.parametrize("rule", [si.optim.CMAES(0.5), si.optim.NelderMead(0.5), si.optim.RandomSearch(0.5)])
def test_values_that_are_not_finite_are_never_preferred(rule):
    half = si.Function(lambda x: bowl(x) if x[0] > 0.4 else math.nan, 3)
    result = si.minimize(half, rule, x0=np.zeros(3), stop=si.stop.steps(2500), rng=0)
    assert result.success
    assert result.fun < 1e-6
    nowhere = si.minimize(si.Function(lambda x: math.nan, 3), rule, x0=np.zeros(3), stop=si.stop.steps(300), rng=0)
    assert not nowhere.success
    assert "none of 300 values was finite" in nowhere.message


@pytest.mark.fast
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: si.optim.CMAES(-1.0), "sigma = -1.0"),
        (lambda: si.optim.CMAES(population=2), "population = 2"),
        (lambda: si.optim.CMAES(restarts="bipop"), "Bipop"),
        (lambda: si.optim.NelderMead(0.0), "size = 0.0"),
        (lambda: si.optim.RandomSearch(-1.0), "step_size"),
        (lambda: si.minimize(si.Function(bowl, 3), si.optim.RandomSearch()), "no region"),
        (lambda: si.minimize(si.Function(bowl, 3, bounds=(0, 1)), si.optim.CMAES(), x0=[2.0, 0.0, 0.0]), "outside its bounds"),
        (lambda: si.optim.TwoPoint(sigma=0.0), "sigma = 0.0"),
        (lambda: si.optim.SPSA(directions=0), "directions"),
        (lambda: si.optim.TwoPoint(transform=3), "no transform"),
        (lambda: si.optim.Ipop(-1), "doublings"),
    ],
)
def test_bad_numbers_are_refused(make, message):
    with pytest.raises(si.StochinfError, match=message):
        make()
