"""The leapfrog is reversible and of second order; its kernels leave exact draws exact, and planted bugs are caught."""

import math

import numpy as np
import pytest
from smooth_densities import BENT, bent_draws, bent_uniforms, surprise

import stochinf as si
from stochinf.density import python_density
from stochinf.engine.block import advance
from stochinf.engine.jit import JIT, entry
from stochinf.engine.observers import Draws
from stochinf.engine.session import Plan, build
from stochinf.mcmc.hamiltonian import LP, RIGHT, SUB_SUM, HamiltonianState
from stochinf.mcmc.leapfrog import leapfrog, refresh

LIMIT = 1e-6
ROOM = 8000
MATRIX = np.array([[1.0, 0.5, 0.0], [0.5, 2.0, -0.3], [0.0, -0.3, 0.7]])


@entry
def travel(target, state, steps, step):
    """Do some steps of the right end; return log density and kinetic energy."""
    result = (0.0, 0.0)
    for _ in range(steps):
        result = leapfrog(target, state, RIGHT, SUB_SUM, step)
    return result


@entry
def set_out(state, rng):
    return refresh(state, rng)


def block_of(kernel, target=BENT, seed=0):
    """A chain that has begun, after a warm-up of no steps."""
    start = bent_draws(1, 3)[0]
    return build(Plan(kernel, target, None, None, Draws(), start, 1, 0, 1, False, seed), ROOM).blocks[0]


@pytest.mark.fast
@pytest.mark.parametrize("metric", [[1.0, 0.5, 2.0], MATRIX], ids=["diagonal", "dense"])
def test_the_leapfrog_is_reversible_and_its_energy_error_of_second_order(metric):
    block = block_of(si.mcmc.HMC(0.1, n_steps=1, metric=np.array(metric)))
    state = block.state
    start = np.array(state.position)
    errors = []
    for step in (0.02, 0.01, 0.005):
        rng = np.array([1, 2, 3, 4], dtype=np.uint64)
        energy = set_out(state, rng) - state.stats[LP]
        momentum = np.array(state.paths[RIGHT + 1])
        steps = round(1.0 / step)
        log_density, kinetic = travel(block.target, state, steps, step)
        errors.append(kinetic - log_density - energy)
        assert abs(state.paths[RIGHT] - start).max() > 0.3
        travel(block.target, state, steps, -step)
        np.testing.assert_allclose(state.paths[RIGHT], start, rtol=0, atol=1e-10)
        np.testing.assert_allclose(state.paths[RIGHT + 1], momentum, rtol=0, atol=1e-10)
    order = np.log2(np.abs(errors[:-1]) / np.abs(errors[1:]))
    assert (abs(order - 2.0) < 0.2).all(), errors


@pytest.mark.fast
def test_a_metric_is_whitening_and_its_kinetic_energy_that_of_the_momentum():
    state = block_of(si.mcmc.HMC(0.1, n_steps=1, metric=MATRIX)).state
    root = (np.eye(3) + (state.directions.T * state.stretch) @ state.directions).T * state.scale[:, None]
    np.testing.assert_allclose(root @ root.T, MATRIX, rtol=1e-12, atol=1e-12)
    energy = set_out(state, np.array([5, 6, 7, 8], dtype=np.uint64))
    assert energy == pytest.approx(0.5 * (state.paths[RIGHT + 1] ** 2).sum())
    np.testing.assert_allclose(state.paths[RIGHT + 2], root.T @ state.gradient, rtol=1e-12)


def set_position(state: HamiltonianState, target, position):
    state.position[:] = position
    state.stats[LP] = target.log_density_gradient(state.position, state.gradient)


def after(kernel, n=4000, steps=2, target=BENT, spoil=lambda state: None, draws=bent_draws, rng=None):
    """Where exact draws are after some steps."""
    block = block_of(kernel, target)
    ends = np.empty((n, 3))
    for k, start in enumerate(draws(n, 11)):
        set_position(block.state, target, start)
        spoil(block.state)
        if rng is not None:
            block.kernel_rng[:] = rng
        advance(block, steps)
        ends[k] = block.state.position
    return ends


KERNELS = {
    "nuts": si.mcmc.NUTS(0.5, max_depth=6),
    "nuts, dense metric": si.mcmc.NUTS(0.6, max_depth=5, metric=MATRIX),
    "hmc": si.mcmc.HMC(0.3, n_steps=5),
    "mala": si.mcmc.MALA(0.1, metric=np.ones(3)),
}


@pytest.mark.skipif(not JIT, reason="thousands of trajectories")
@pytest.mark.parametrize("name", KERNELS)
def test_exact_draws_stay_exact(name):
    ends = after(KERNELS[name])
    assert abs(ends - bent_draws(4000, 11)).max() > 1.0
    assert surprise(bent_uniforms(ends)) > LIMIT


def stale(state):
    state.gradient[:] = -state.gradient


BUGS = {
    "no Hastings term": {"kernel": si.mcmc.ULA(0.1, metric=np.ones(3))},
    "a gradient of another place": {"kernel": KERNELS["nuts"], "spoil": stale, "steps": 1},
    "a momentum that is not drawn anew": {"kernel": KERNELS["hmc"], "rng": [1, 2, 3, 4]},
    "a likelihood to the power 0.7": {"kernel": KERNELS["nuts"], "draws": lambda n, seed: bent_draws(n, seed) / [0.7, 1, 1]},
}


@pytest.mark.skipif(not JIT, reason="thousands of trajectories")
@pytest.mark.parametrize("bug", BUGS)
def test_planted_bugs_are_caught(bug):
    assert surprise(bent_uniforms(after(**BUGS[bug]))) < LIMIT


@pytest.mark.fast
def test_mala_is_one_step_of_hmc_with_another_name_for_the_step():
    sampled = [
        si.run(kernel, BENT, steps=20, init=[0.1, -0.8, -0.5], rng=3)
        for kernel in (si.mcmc.MALA(0.08), si.mcmc.HMC(0.4, n_steps=1))
    ]
    np.testing.assert_allclose(sampled[0]["position"], sampled[1]["position"], rtol=1e-9)
    np.testing.assert_allclose(sampled[0].stats["step_size"], 0.08, rtol=1e-12)


@pytest.mark.fast
def test_the_acceptance_of_mala_is_the_ratio_of_hastings():
    """The chance from densities of proposals, as in Roberts and Tweedie (1996), against the energy error."""
    step, run = 0.05, si.run(si.mcmc.ULA(0.05, metric=np.ones(3)), BENT, steps=30, init=[0.1, -0.8, -0.5], rng=4)
    x = np.concatenate([[[0.1, -0.8, -0.5]], run["position"][0]])
    slopes = np.zeros_like(x)
    lp = np.array([BENT.log_density_gradient(point, slope) for point, slope in zip(x, slopes, strict=True)])
    drift = x + step * slopes
    forward = -((x[1:] - drift[:-1]) ** 2).sum(1) / (4 * step)
    back = -((x[:-1] - drift[1:]) ** 2).sum(1) / (4 * step)
    ratio = np.exp(lp[1:] + back - lp[:-1] - forward)
    np.testing.assert_allclose(run.stats["acceptance_rate"][0], np.minimum(1.0, ratio), rtol=1e-9)


@pytest.mark.parametrize("rng", range(4))
def test_an_unadjusted_sampler_never_leaves_for_good(rng):
    """ULA on the standard normal is an autoregression of variance 2 / (2 - h), wherever its chains start."""
    normal = python_density(lambda x: -0.5 * float(x @ x), dim=2, gradient=lambda x: -x)
    kernel = si.mcmc.ULA(0.4)
    starts = [kernel.prepare(normal).init(normal, np.array(start), None) for start in ([1e-9, 1.0], [1.0, 0.0])]
    assert all((state.scale == 1.0).all() for state in starts)
    run = si.sample(normal, draws=2000, warmup=200, chains=4, kernel=kernel, rng=rng)
    assert run.stats["diverging"].sum() == 0
    deviation = run["position"].std(axis=1)
    np.testing.assert_allclose(deviation, math.sqrt(2 / 1.6), rtol=0.25)
