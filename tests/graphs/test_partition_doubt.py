"""Error bars of estimates that rest on little, and what the front door makes of them."""

import numpy as np
import pytest
from graphs.test_tempering import spin_glass

import stochinf as si
from stochinf.engine.driver import Controls
from stochinf.engine.jit import JIT
from stochinf.graphs.annealed.importance import _estimate, _mean
from stochinf.graphs.evidence import check_evidence
from stochinf.graphs.partition_methods import sampled
from stochinf.graphs.question import Question, Sampling


@pytest.mark.fast
def test_few_effective_particles_widen_the_error() -> None:
    """Weights of a log-normal distribution: intervals hold its mean while there are particles enough, and are infinite at one."""
    rng = np.random.default_rng(1)
    for sigma, held in ((0.5, 0.9), (1.5, 0.8), (2.5, 0.7)):
        found = [_mean(rng.normal(-(sigma**2) / 2, sigma, 512)) for _ in range(400)]
        assert np.mean([abs(value) < 1.96 * error for value, error, _ in found]) > held, sigma
    value, error, ess = _mean(np.array([0.0, *np.full(99, -40.0)]))
    assert value == pytest.approx(-np.log(100))
    assert ess < 1.01
    assert error == np.inf


@pytest.mark.fast
def test_ends_that_disagree_widen_the_error() -> None:
    graph = si.FactorGraph([2, 2], [(0, 1)], [[1, 2, 3, 4]])
    rng = np.random.default_rng(2)
    up = rng.normal(0.0, 0.1, 512)
    near, far = (_estimate(graph, 0.0, up, rng.normal(end, 0.1, 512), 512, 10) for end in (0.0, -8.0))
    assert near.warnings == ()
    assert near.standard_error < 0.01
    assert len(far.warnings) == 1
    assert far.standard_error > 7.0
    none = _estimate(graph, 0.0, up, np.full(2, np.nan), 512, 10)
    assert none.warnings == ()
    assert none.standard_error == near.standard_error


def question(graph: si.FactorGraph, time: float | None = None) -> Question:
    return Question(graph, check_evidence(graph, {}), Sampling(0, 1000, 200, time, 3, Controls()))


@pytest.mark.skipif(not JIT, reason="many sweeps")
@pytest.mark.parametrize("time", [None, 1.0])
def test_a_doubtful_estimate_is_made_again_by_tempering(time: float | None) -> None:
    """Strong couplings: annealing leaves few particles, tempering is asked too and its error is honest."""
    graph = spin_glass(3, 12.0)
    exact = si.log_partition(graph, method="exact").value
    found = sampled(question(graph, time))
    assert found.method in ("ais", "tempering")
    assert "gives" in found.reason or not found.warnings
    assert abs(found.value - exact) < 4 * found.mcse


@pytest.mark.skipif(not JIT, reason="many sweeps")
def test_an_easy_model_is_annealed_once() -> None:
    found = sampled(question(spin_glass(3, 0.3)))
    assert found.method == "ais"
    assert "gives" not in found.reason
