"""`precompile`: fill the cache of compiled loops, so that the first run of a user starts at once."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from stochinf.engine import cache

__all__ = ["Common", "precompile"]


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


def _spins() -> None:
    import networkx

    from stochinf.api.marginals import marginals
    from stochinf.graphs.factor_graph import FactorGraph

    spins = networkx.path_graph(3)
    networkx.set_edge_attributes(spins, 0.5, "J")
    marginals(FactorGraph.from_networkx(spins), method="gibbs", chains=64, draws=8, warmup=4, rng=0, progress=False)


def _tables() -> None:
    from stochinf.api.marginals import marginals
    from stochinf.graphs.factor_graph import FactorGraph

    tables = FactorGraph([2, 3], [(0,), (0, 1)], [np.ones(2), np.ones((2, 3))])
    marginals(tables, method="gibbs", chains=64, draws=8, warmup=4, rng=0, progress=False)


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


def _rbm() -> None:
    from stochinf.rbm.estimator import RBM

    X = (np.random.default_rng(0).random((8, 4)) < 0.5).astype(np.float32)
    RBM(n_components=2, batch_size=4, n_iter=1, random_state=0).fit(X)


COMMON = (
    Common("coin by Metropolis", "mcmc.metropolis", _coin),
    Common("spins by Gibbs", "api.marginals", _spins),
    Common("tables by Gibbs", "api.marginals", _tables),
    Common("logistic regression by SGD, dense", "optim.sgd", lambda: _sgd(sparse=False)),
    Common("logistic regression by SGD, sparse", "optim.sgd", lambda: _sgd(sparse=True)),
    Common("logistic regression by SGLD", "mcmc.sgld", _sgld),
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
    run()
    compiled, loaded = (int(cache.statistics[key] - before[key]) for key in ("misses", "hits"))
    if compiled:
        return f"compiled {compiled} in {cache.statistics['seconds'] - before['seconds']:.1f} s, loaded {loaded}"
    return f"loaded {loaded} in {time.perf_counter() - began:.1f} s" if loaded else "ready"
