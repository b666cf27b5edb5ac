"""Slice, Metropolis-Hastings, adaptive Metropolis and Gibbs: exact draws stay exact draws, and planted bugs are caught."""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from parts_for_tests import MUCH, FromExact
from scipy import stats

import stochinf as si
from stochinf.engine.random import normal, uniform
from stochinf.engine.statistics import mcse_mean
from stochinf.mcmc.adaptive import rank_one

Floats = npt.NDArray[np.float64]
LIMIT = 1e-6
FACTOR = np.array([[1.0, 0.0], [1.2, 0.8]])


@si.kernel
class Correlated(NamedTuple):
    """A normal distribution in two dimensions that can draw each coordinate given the other."""

    precision: Floats
    n_blocks: int = 2
    dim: int = 2

    def start(self, generator: np.random.Generator) -> Floats:
        return np.zeros(2)

    def log_density(self, position: Floats) -> float:
        x, y = position[0], position[1]
        a = self.precision
        return -0.5 * float(a[0, 0] * x * x + 2.0 * a[0, 1] * x * y + a[1, 1] * y * y)

    def redraw(self, position: Floats, block: int, rng: Any) -> None:
        own = self.precision[block, block]
        mean = -self.precision[0, 1] * position[1 - block] / own
        position[block] = mean + normal(rng) / math.sqrt(own)


@si.kernel
class Shrinking(NamedTuple):
    """A proposal that shrinks towards 0, with its Hastings term times `honesty`."""

    honesty: float

    def propose(self, target: Any, position: Floats, proposal: Floats, scale: float, rng: Any) -> float:
        ratio = 0.0
        for i in range(position.size):
            proposal[i] = 0.8 * position[i] + scale * normal(rng)
            there = proposal[i] - 0.8 * position[i]
            back = position[i] - 0.8 * proposal[i]
            ratio += 0.5 * (there * there - back * back) / (scale * scale)
        return self.honesty * ratio


TARGET = Correlated(np.linalg.inv(FACTOR @ FACTOR.T))


def surprise(kernel, target=TARGET, times=2, n=MUCH, warmup=0):
    """Smallest p-value that `times` steps from exact draws still follow the law: coordinates, distance, angle."""
    z = np.random.default_rng(5).standard_normal((n, 2))
    rate = getattr(kernel.prepare(target), "step_size", 1.0)
    start = FromExact(kernel, z @ FACTOR.T, times)
    run = si.run(start, target, steps=n, warmup=warmup, schedule=rate, rng=7, progress=False, threads=1)
    moved = np.linalg.solve(FACTOR, run["position"][0].T)
    assert (moved != z.T).mean() > 0.3
    folded = [stats.kstest(part, "norm").pvalue for part in moved]
    return min(
        *folded,
        stats.kstest((moved**2).sum(axis=0), stats.chi2(2).cdf).pvalue,
        stats.kstest(np.arctan2(*moved), stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue,
    )


EXACT = {
    "slice": (si.mcmc.Slice(1.0), {}),
    "slice, wide": (si.mcmc.Slice(20.0), {}),
    "slice, short of room": (si.mcmc.Slice(0.3, expansions=3), {}),
    "slice, widths learnt": (si.mcmc.Slice(), {"warmup": 300}),
    "adaptive, shape learnt": (si.mcmc.AdaptiveMetropolis(), {"warmup": 3000}),
    "walk of a shape": (si.mcmc.MetropolisHastings(si.mcmc.RandomWalk(FACTOR)), {}),
    "independence, t": (si.mcmc.MetropolisHastings(si.mcmc.Independence([0.3, -0.2], 1.2 * FACTOR)), {}),
    "independence, normal": (si.mcmc.MetropolisHastings(si.mcmc.Independence([0.3, -0.2], FACTOR, 0), 1.3), {}),
    "a proposal of the user's": (si.mcmc.MetropolisHastings(Shrinking(1.0), 0.7), {}),
    "gibbs": (si.mcmc.Gibbs(), {}),
}


@pytest.mark.parametrize("case", EXACT)
def test_exact_draws_stay_exact(case):
    kernel, options = EXACT[case]
    assert surprise(kernel, **options) > LIMIT


def other(variance):
    """The target with the variance of one direction changed: what a bug in the density amounts to."""
    scaled = FACTOR * [math.sqrt(variance), 1.0]
    return Correlated(np.linalg.inv(scaled @ scaled.T))


BUGS = {
    "slice of another density": (si.mcmc.Slice(1.0), other(1.1)),
    "gibbs of another density": (si.mcmc.Gibbs(), other(1.1)),
    "adaptive Metropolis of another density": (si.mcmc.AdaptiveMetropolis(1.0), other(1.15)),
    "independence of another density": (si.mcmc.MetropolisHastings(si.mcmc.Independence([0, 0], FACTOR)), other(1.1)),
    "no Hastings term": (si.mcmc.MetropolisHastings(Shrinking(0.0), 0.7), TARGET),
    "half a Hastings term": (si.mcmc.MetropolisHastings(Shrinking(0.5), 0.7), TARGET),
}


@pytest.mark.parametrize("bug", BUGS)
def test_planted_bugs_are_caught(bug):
    kernel, target = BUGS[bug]
    assert surprise(kernel, target, n=100_000, times=4) < LIMIT


@pytest.mark.fast
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_rank_one_change_is_that_of_the_matrix(sign):
    rng = np.random.default_rng(2)
    factor = np.linalg.cholesky(np.eye(5) + (a := rng.normal(size=(5, 5))) @ a.T)
    vector = factor @ rng.normal(size=5) * 0.2
    expected = factor @ factor.T + sign * np.outer(vector, vector)
    rank_one(factor, vector.copy(), sign)
    np.testing.assert_allclose(factor @ factor.T, expected, atol=1e-12)
    assert not np.triu(factor, 1).any()


def test_the_adaptive_sampler_learns_shape_and_rate_and_keeps_them():
    wide = np.diag([100.0, 1.0]) @ FACTOR
    target = Correlated(np.linalg.inv(wide @ wide.T))
    run = si.sample(target, draws=4000, warmup=4000, chains=4, kernel=si.mcmc.AdaptiveMetropolis(), rng=1, progress=False)
    assert abs(run.stats["acceptance_rate"].mean() - 0.234) < 0.04
    assert (np.ptp(run.stats["step_size"], axis=1) == 0).all()
    factor = run.checkpoint.session.blocks[0].state.factor
    whitened = np.linalg.solve(wide, factor @ factor.T) @ np.linalg.inv(wide).T
    assert np.linalg.cond(whitened) < 6.0
    x = run["position"]
    np.testing.assert_allclose(np.cov(x.reshape(-1, 2).T), wide @ wide.T, rtol=0.2)
    assert all(abs(x[..., k].mean()) < 5 * mcse_mean(x[..., k]) for k in range(2))


def test_slices_fit_the_scale_of_each_coordinate_and_never_stick():
    wide = np.diag([1000.0, 0.01])
    target = Correlated(np.linalg.inv(wide @ wide.T))
    run = si.sample(target, draws=4000, warmup=500, chains=2, kernel=si.mcmc.Slice(), rng=1, progress=False)
    np.testing.assert_allclose(run["position"].std(axis=(0, 1)), [1000.0, 0.01], rtol=0.06)
    assert (np.diff(run["position"], axis=1) != 0).all()
    widths = run.checkpoint.session.blocks[0].state.widths
    assert 0.3 < widths[0] / 1000 < 6
    assert 0.3 < widths[1] / 0.01 < 6
    assert run.stats["n_steps"].mean() < 12
    expected = -0.5 * ((run["position"] / [1000.0, 0.01]) ** 2).sum(axis=-1)
    np.testing.assert_allclose(run.stats["lp"], expected, atol=1e-9)


@si.kernel
class Flips(NamedTuple):
    """A coin whose flips are drawn anew at every step, for Geweke's joint simulation; the position is the logit."""

    counts: Floats
    power: float = 1.0
    jacobian: float = 1.0
    dim: int = 1

    def start(self, generator: np.random.Generator) -> Floats:
        return np.zeros(1)

    def log_density(self, position: Floats) -> float:
        x = position[0]
        softplus = max(x, 0.0) + math.log1p(math.exp(-abs(x)))
        heads = self.power * self.counts[0] + 1.0 + self.jacobian
        tails = self.power * self.counts[1] + 2.0 + self.jacobian
        return heads * x - (heads + tails) * softplus


@si.kernel(statistics=("lp",))
class Joint(NamedTuple):
    """Draw the flips given the bias, then apply a kernel: the bias keeps its prior."""

    kernel: Any
    flips: int

    def prepare(self, target: Any) -> "Joint":
        return Joint(self.kernel.prepare(target)._replace(step_size=np.nan), self.flips)

    def init(self, target: Any, position: Any, streams: Any) -> Any:
        return self.kernel.init(target, position, streams)

    def begin_sampling(self, target: Any, state: Any) -> None:
        self.kernel.begin_sampling(target, state)

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        theta = 1.0 / (1.0 + math.exp(-state.position[0]))
        target.counts[0] = 0.0
        for _ in range(self.flips):
            target.counts[0] += 1.0 if uniform(rng) < theta else 0.0
        target.counts[1] = self.flips - target.counts[0]
        state.stats[0] = target.log_density(state.position)
        self.kernel.update(target, state, point, rate, rng)


def geweke(kernel, target, draws=MUCH):
    """Largest |z| of eight moments of the bias under joint simulation against its prior, Beta(2, 3)."""
    rate = kernel.prepare(target).step_size
    run = si.run(Joint(kernel, 20), target, steps=draws, warmup=200, schedule=rate, rng=11, progress=False)
    theta = 1.0 / (1.0 + np.exp(-run["position"][..., 0]))
    prior = stats.beta(2, 3)
    moments = (
        [theta**k for k in range(1, 5)] + [np.log(theta), np.log1p(-theta)] + [1.0 * (theta < prior.ppf(q)) for q in (0.2, 0.8)]
    )
    exact = [prior.moment(k) for k in range(1, 5)] + [prior.expect(np.log), prior.expect(lambda t: np.log1p(-t)), 0.2, 0.8]
    return max(abs(m.mean() - e) / mcse_mean(m) for m, e in zip(moments, exact, strict=True))


@pytest.mark.parametrize(
    "kernel",
    [
        si.mcmc.Metropolis(1.0),
        si.mcmc.Slice(2.0),
    ],
    ids=lambda kernel: type(kernel).__name__,
)
def test_joint_simulation_keeps_the_prior(kernel):
    assert geweke(kernel, Flips(np.zeros(2))) < 5


@pytest.mark.parametrize(("power", "jacobian"), [(0.9, 1.0), (1.0, 0.0)], ids=["likelihood to a power", "no Jacobian"])
def test_joint_simulation_catches_a_wrong_density(power, jacobian):
    assert geweke(si.mcmc.Slice(2.0), Flips(np.zeros(2), power, jacobian), draws=400_000) > 5


@pytest.mark.fast
@pytest.mark.parametrize("case", ["slice", "adaptive, shape learnt", "independence, t", "gibbs"])
def test_a_resumed_chain_has_the_bits_of_an_uninterrupted_one(case, tmp_path):
    def sampled(draws):
        return si.sample(si.models.CoinBias(6, 4), draws=draws, warmup=20, chains=2, kernel=kernel, rng=3, progress=False)

    kernel = {"independence, t": si.mcmc.MetropolisHastings(si.mcmc.Independence([0.3], [[0.7]]), target_acceptance=0.8)}.get(
        case, EXACT[case][0]
    )
    if case == "gibbs":
        with pytest.raises(si.StochinfError, match="Gibbs needs redraw of its target, and CoinBias has none"):
            sampled(20)
        return
    sampled(20).save(tmp_path / "run.npz")
    resumed = si.resume(tmp_path / "run.npz", draws=15)
    assert resumed["theta"].tobytes() == sampled(35)["theta"].tobytes()
    assert resumed["theta"].std() > 0


@pytest.mark.fast
def test_points_where_the_density_is_not_defined_count_as_outside():
    def edge(x):
        return -float(x[0]) if x[0] > 0 else math.nan

    target = si.density.python_density(edge, 1)
    run = si.sample(target, draws=300, warmup=50, chains=1, kernel=si.mcmc.Slice(), init=[1.0], rng=0, progress=False)
    assert (run["position"] > 0).all()
    assert run.nonfinite > 0


M = si.mcmc
BAD = {
    "slice width": (lambda: M.Slice(0.0), "Slice: step_size = 0.0"),
    "slice room": (lambda: M.Slice(expansions=0), "Slice: expansions = 0"),
    "slice adapt": (lambda: M.Slice(adapt=2.0), "Slice: adapt = 2.0"),
    "acceptance": (lambda: M.AdaptiveMetropolis(target_acceptance=1.0), "AdaptiveMetropolis: target_acceptance = 1.0"),
    "proposal": (lambda: M.MetropolisHastings(lambda x: x), "a NamedTuple part with the method propose"),
    "proposal of another size": (
        lambda: si.sample(TARGET, kernel=M.MetropolisHastings(M.RandomWalk(np.eye(3))), draws=5),
        "RandomWalk: for 3 coordinates; Correlated has 2 dimensions",
    ),
    "factor": (lambda: M.RandomWalk([[1.0, 0.5], [0.5, 1.0]]), "not lower triangular with a positive diagonal"),
    "factor's shape": (lambda: M.Independence([0.0, 0.0], np.eye(3)), r"factor of shape \(3, 3\)"),
    "mean": (lambda: M.Independence([[0.0]], [[1.0]]), r"mean of shape \(1, 1\)"),
    "degrees": (lambda: M.Independence([0.0], [[1.0]], -1), "degrees = -1"),
    "start": (lambda: si.sample(TARGET, kernel=M.Gibbs(), init=[0.0], draws=5), "1 numbers given, 2 needed"),
    "blocks": (lambda: M.Gibbs().prepare(Correlated(np.eye(2), 0)), "Gibbs: 0 blocks"),
}


@pytest.mark.fast
@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_named(case):
    call, message = BAD[case]
    with pytest.raises(si.StochinfError, match=message):
        call()
