r"""How often factors appear in random forests: the weights of tree-reweighted bounds.

A set of factors is a forest if their graph with the variables has no cycle. If forests are drawn with probabilities mu, and
:math:`\rho_f` is the probability that f is in one, then by convexity

.. math:: \log Z \le \sum_T \mu_T \log Z_T, \qquad Z_T \text{ with the tables } w_f^{1/\rho_f} \text{ of the factors in } T.

For factors of two variables the forests are uniform spanning trees, where :math:`\rho_{ij}` is the effective resistance
between i and j with unit resistors (Kirchhoff), up to `MOST_EXACT` variables. Elsewhere forests are grown at random, rarely used
factors first, until every factor is in one; any such weights give a bound.

References
----------
Wainwright, M. J., Jaakkola, T. S. and Willsky, A. S. (2005). A new class of upper bounds on the log partition function. IEEE
Trans. Inf. Theory 51(7), section IV.
"""

from __future__ import annotations

import numpy as np

from stochinf.graphs.variational.layout import Floats, Int32s, MessageGraph

__all__ = ["forest_weights"]

MOST_EXACT = 1500
FORESTS = 50
MOST_WORK = 2_000_000


def forest_weights(target: MessageGraph) -> Floats:
    """Return the weight of every factor, in (0, 1].

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.variational.forests import forest_weights
    >>> from stochinf.graphs.variational.layout import message_graph
    >>> ring = si.FactorGraph([2] * 4, [(0, 1), (1, 2), (2, 3), (3, 0)], [[2, 1, 1, 2]] * 4)
    >>> forest_weights(message_graph(ring)).round(6).tolist()
    [0.75, 0.75, 0.75, 0.75]
    """
    arity = np.diff(target.scope_start)
    if not arity.size:
        return np.empty(0)
    if (arity == 2).all():
        pairs = target.scope.reshape(-1, 2)
        return _resistances(pairs) if target.cardinality.size <= MOST_EXACT else _spanning(pairs, target.cardinality.size)
    return _grown(target)


def _resistances(pairs: Int32s) -> Floats:
    """Return effective resistances, one component after the other being no matter: the pseudo-inverse has all."""
    n = int(pairs.max()) + 1
    laplacian = np.zeros((n, n))
    np.add.at(laplacian, (pairs[:, 0], pairs[:, 1]), -1.0)
    np.add.at(laplacian, (pairs[:, 1], pairs[:, 0]), -1.0)
    laplacian[np.diag_indices(n)] = -laplacian.sum(axis=1)
    inverse = np.linalg.pinv(laplacian, hermitian=True)
    resistance = np.diag(inverse)[pairs].sum(axis=1) - 2 * inverse[pairs[:, 0], pairs[:, 1]]
    weights: Floats = np.clip(resistance, 1e-6, 1.0)
    return weights


def _spanning(pairs: Int32s, n: int) -> Floats:
    """Return how often each pair is in spanning trees of least random weight, pairs used so far weighing more."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    rng = np.random.default_rng(0)
    seen, trees = np.zeros(len(pairs)), 0
    number = {(int(i), int(j)): e for e, (i, j) in enumerate(pairs.tolist())}
    while trees < FORESTS or not seen.all():
        cost = 1.0 + seen + rng.random(len(pairs))
        tree = minimum_spanning_tree(coo_array((cost, (pairs[:, 0], pairs[:, 1])), shape=(n, n))).tocoo()
        seen[[number[i, j] for i, j in zip(tree.row.tolist(), tree.col.tolist(), strict=True)]] += 1
        trees += 1
    return seen / trees


def _grown(target: MessageGraph) -> Floats:
    """Return how often each factor is in random forests."""
    rng = np.random.default_rng(0)
    members = np.split(target.scope, target.scope_start[1:-1])
    scopes = [scope.tolist() for scope in members]
    seen, forests = np.zeros(len(scopes)), 0
    enough = min(FORESTS, max(8, MOST_WORK // max(1, target.scope.size)))
    while forests < enough or not seen.all():
        order = np.argsort(seen + rng.random(len(scopes)), kind="stable")
        seen[_forest(scopes, order.tolist(), target.cardinality.size)] += 1
        forests += 1
    return seen / forests


def _forest(scopes: list[list[int]], order: list[int], n: int) -> list[int]:
    """Return the factors that can be added one after the other, in order, without closing a cycle."""
    parent = list(range(n))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    taken = []
    for f in order:
        roots = [root(i) for i in scopes[f]]
        if len(set(roots)) == len(roots):
            taken.append(f)
            for r in roots[1:]:
                parent[r] = roots[0]
    return taken
