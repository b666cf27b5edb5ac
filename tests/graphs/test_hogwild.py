"""Threads that share chains: shares and their sums, what is told, and the bias where delays are a sweep at most."""

import numpy as np
import pytest
from graphs.invariance import MODELS

import stochinf as si
from stochinf.engine.errors import StochinfError
from stochinf.graphs.large.hogwild import _cuts, _share
from stochinf.graphs.targets import graph_target


@pytest.mark.fast
def test_shares_hold_every_variable_and_slot_once() -> None:
    target = graph_target(MODELS["potts"].graph, np.array([-1, 2, -1, -1, -1, -1], np.int32))
    shares = [_share(target, *cut) for cut in _cuts(target.n_points, 2)]
    assert np.concatenate([share.free for share in shares]).tolist() == target.free.tolist()
    assert sum(int(share.first_slot[-1]) for share in shares) == int(target.first_slot[-1])
    for share in shares:
        starts = share.first_slot[share.free]
        assert starts[0] == 0
        assert (np.diff(starts) == 3).all()


@pytest.mark.parametrize("name", ["spins", "tables with evidence"])
def test_marginals_are_close(name: str) -> None:
    graph, evidence = MODELS[name]
    exact = si.marginals(graph, evidence, method="exact")
    r = si.marginals(graph, evidence, method="hogwild", draws=1500, threads=2, rng=1)
    for v in graph.variables:
        assert np.abs(r[v] - exact[v]).max() < 0.02
    assert (r.chains, r.sweeps) == (64, 1500)
    assert r.rhat.max() < 1.02
    assert "not reproducible" in r.warnings[0]


def test_one_share_is_gibbs_sampling_and_says_nothing() -> None:
    graph = MODELS["spins"].graph
    one = [si.marginals(graph, method="hogwild", draws=50, warmup=5, threads=1, rng=3) for _ in range(2)]
    assert one[0].warnings == ()
    assert np.array_equal(one[0].probability, one[1].probability)


@pytest.mark.fast
def test_one_chain_is_refused() -> None:
    with pytest.raises(StochinfError, match="hogwild: chains = 1; 2 to 64"):
        si.marginals(MODELS["spins"].graph, method="hogwild", chains=1, draws=1)
