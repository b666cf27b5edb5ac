"""Random models whose factors form a forest, of unequal cardinalities and arities, with zeros or not."""

import numpy as np

from stochinf.graphs.factor_graph import FactorGraph


def forest(seed: int, n_variables: int = 8, zeros: float = 0.0, scale: float = 1.0) -> FactorGraph:
    """Each factor of 2 to 4 variables has one that came before; one stands apart, some have tables of their own."""
    rng = np.random.default_rng(seed)
    n_states = rng.integers(1, 4, n_variables)
    scopes = [(0,), (n_variables - 1,)]
    next_one = 1
    while next_one < n_variables - 1:
        many = min(int(rng.integers(1, 4)), n_variables - 1 - next_one)
        scope = [int(rng.integers(next_one)), *range(next_one, next_one + many)]
        scopes.append(tuple(rng.permutation(scope).tolist()))
        next_one += many
    tables = []
    for scope in scopes:
        table = np.exp(scale * rng.standard_normal(n_states[list(scope)])) * (rng.random(n_states[list(scope)]) >= zeros)
        table.flat[0] = 1.0
        tables.append(table)
    return FactorGraph(n_states, scopes, tables)
