"""`precompile`: fill the cache of compiled loops, so that the first run of a user starts at once."""

from __future__ import annotations

import importlib.util
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from stochinf.engine import cache
from stochinf.engine.errors import ConvergenceWarning, StochinfError

__all__ = ["Common", "precompile"]

SEARCHES = ("search", "annealing", "max-product")


class Common(NamedTuple):
    """A combination of parts that many runs use.

    Attributes
    ----------
    name : str
    module : str
        Where its front door or kernel lives.
    run : callable
        A run of a few steps that needs every loop of the combination.
    """

    name: str
    module: str
    run: Callable[[], Any]


def _coin() -> None:
    from stochinf.api.sampling import sample
    from stochinf.models.coin import CoinBias

    sample(CoinBias(6, 4), draws=4, warmup=2, chains=2, rng=0, progress=False)


def _spins(steps: tuple[int, ...] = (1, 5)) -> Any:
    import networkx

    from stochinf.graphs.factor_graph import FactorGraph

    spins = networkx.circulant_graph(16, list(steps))
    signs = np.random.default_rng(0).choice([-0.4, 0.4], spins.number_of_edges())
    networkx.set_node_attributes(spins, 0.1, "h")
    networkx.set_edge_attributes(spins, {edge: {"J": float(sign)} for edge, sign in zip(spins.edges, signs, strict=True)})
    return FactorGraph.from_networkx(spins)


def _tangle() -> Any:
    return _spins((1, 5, 7))


def _tables() -> Any:
    from stochinf.graphs.factor_graph import FactorGraph

    count = 16
    sizes = [2 + v % 2 for v in range(count)]
    scopes = [(v, (v + step) % count) for step in (1, 5) for v in range(count)]
    rng = np.random.default_rng(0)
    tables = [rng.uniform(0.5, 1.5, sizes[a] * sizes[b]) for a, b in scopes]
    tables[0][0] = 0.0
    return FactorGraph(sizes, scopes, tables)


def _potts() -> Any:
    from stochinf.graphs.factor_graph import FactorGraph

    return FactorGraph([3] * 4, [(0, 1), (1, 2), (2, 3), (3, 0)], [1.0 + np.eye(3)] * 4)


def _marginals(graph: Callable[[], Any], *methods: str) -> None:
    from stochinf.api.marginals import marginals
    from stochinf.graphs.methods import METHODS

    for method in set(methods) & set(METHODS):
        _quietly(marginals, graph(), method=method, draws=8, warmup=8)


def _most_probable(graph: Callable[[], Any], *methods: str) -> None:
    from stochinf.api.map_states import map_state
    from stochinf.graphs.map_methods import METHODS

    for method in set(methods) & set(METHODS):
        _quietly(map_state, graph(), method=method, time=0.1)


def _partition(graph: Callable[[], Any], *methods: str) -> None:
    from stochinf.api.log_partitions import log_partition
    from stochinf.graphs.partition_methods import METHODS

    for method in set(methods) & set(METHODS):
        _quietly(log_partition, graph(), method=method, draws=8, warmup=8)


def _exact() -> None:
    _marginals(_tables, "exact")
    _partition(_tables, "exact")


def _quietly(door: Callable[..., Any], graph: Any, **words: Any) -> None:
    """Ask a front door; that so short a run cannot be trusted is known."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        door(graph, rng=0, progress=False, **words)


def _regression(sparse: bool) -> Any:
    import scipy.sparse

    from stochinf.models.logistic import LogisticRegression

    X = np.random.default_rng(0).standard_normal((8, 2))
    return LogisticRegression(scipy.sparse.csr_array(X) if sparse else X, np.tile([-1, 1], 4), l2=0.1)


def _sgd(sparse: bool) -> None:
    from stochinf.api.minimizing import minimize
    from stochinf.engine import stop
    from stochinf.optim.sgd import SGD

    minimize(_regression(sparse), SGD(), stop=stop.epochs(1), rng=0, progress=False)


def _sgld() -> None:
    from stochinf.api.sampling import sample
    from stochinf.mcmc.sgld import SGLD

    sample(_regression(sparse=False), draws=4, warmup=2, chains=2, kernel=SGLD(), rng=0, progress=False)


def _nuts() -> None:
    from stochinf.api.sampling import sample
    from stochinf.density.plain import python_density
    from stochinf.mcmc.nuts import NUTS

    normal = python_density(lambda x: -0.5 * float(x @ x), 2, lambda x: -x)
    sample(normal, draws=4, warmup=4, chains=1, kernel=NUTS(), rng=0, progress=False)


def _rbm() -> None:
    from stochinf.rbm.estimator import RBM

    X = (np.random.default_rng(0).random((8, 4)) < 0.5).astype(np.float32)
    RBM(n_components=2, batch_size=4, n_iter=1, random_state=0).fit(X)


COMMON = (
    Common("coin by Metropolis", "mcmc.metropolis", _coin),
    Common("marginals of spins by Gibbs", "api.marginals", lambda: _marginals(_tangle, "gibbs")),
    Common("marginals of spins on a lattice by Gibbs", "api.marginals", lambda: _marginals(_spins, "gibbs")),
    Common("marginals of tables by Gibbs", "api.marginals", lambda: _marginals(_tables, "gibbs")),
    Common("marginals of Potts models by Gibbs", "api.marginals", lambda: _marginals(_potts, "gibbs")),
    Common("marginals and partition function, exact", "graphs.exact", _exact),
    Common("most probable state, exact", "graphs.exact", lambda: _most_probable(_tables, "exact")),
    Common("most probable state of spins by search", "graphs.search", lambda: _most_probable(_spins, "tabu", *SEARCHES)),
    Common("most probable state of tables by search", "graphs.search", lambda: _most_probable(_tables, *SEARCHES)),
    Common(
        "marginals of spins by tempering", "graphs.tempering", lambda: _marginals(_spins, "tempering", "swendsen-wang", "blocked")
    ),
    Common("marginals of tables by tempering", "graphs.tempering", lambda: _marginals(_tables, "tempering", "blocked")),
    Common("marginals of spins by belief propagation", "graphs.variational", lambda: _marginals(_spins, "bp")),
    Common("marginals of tables by belief propagation", "graphs.variational", lambda: _marginals(_tables, "bp")),
    Common("partition function of spins by annealing", "graphs.annealed", lambda: _partition(_spins, "ais", "tempering")),
    Common("partition function of tables by annealing", "graphs.annealed", lambda: _partition(_tables, "ais", "tempering")),
    Common("logistic regression by SGD, dense", "optim.sgd", lambda: _sgd(sparse=False)),
    Common("logistic regression by SGD, sparse", "optim.sgd", lambda: _sgd(sparse=True)),
    Common("logistic regression by SGLD", "mcmc.sgld", _sgld),
    Common("densities by NUTS", "mcmc.nuts", _nuts),
    Common("Boltzmann machine by contrastive divergence", "rbm.estimator", _rbm),
)
"""What `precompile` runs, in order."""


def precompile(report: Callable[[str], Any] = print, common: tuple[Common, ...] = COMMON) -> None:
    """Compile the loops of the common combinations, or load them where the cache has them, and say which.

    Parameters
    ----------
    report : callable
        Given one line for each combination, and one for the folder.
    common : tuple of Common
        What to run.

    Examples
    --------
    >>> from stochinf.api.precompiling import COMMON, precompile
    >>> precompile(lambda line: None, COMMON[:1])
    """
    folder = cache.cache_folder()
    where = folder or "no folder can be written: set STOCHINF_CACHE_DIR; nothing will be kept"
    report(f"cache: {where}")
    for name, module, run in common:
        if importlib.util.find_spec(f"stochinf.{module}") is not None:
            report(f"{name}: {_done(run)}")


def _done(run: Callable[[], Any]) -> str:
    """Run it and say what that compiled and loaded."""
    before, began = dict(cache.statistics), time.perf_counter()
    try:
        run()
    except StochinfError as error:
        return f"left out: {error}"
    compiled, loaded = (int(cache.statistics[key] - before[key]) for key in ("misses", "hits"))
    if compiled:
        return f"compiled {compiled} in {cache.statistics['seconds'] - before['seconds']:.1f} s, loaded {loaded}"
    return f"loaded {loaded} in {time.perf_counter() - began:.1f} s" if loaded else "ready"
