"""Compiled steps on dense Potts models: chains side by side, the counts of their states, the gradient.

Sites have q states each; state a of site i is number i q + a. Couplings are a symmetric matrix over these numbers with zeros
where both belong to one site. A chain keeps the log weights of all states of all its sites: L rows of the couplings make them
anew, and a site that changes its state swaps one row for another, so that a sweep reads no more than the chain changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stochinf.engine.jit import helper
from stochinf.graphs.table_gibbs import choose, exponentiate

__all__ = ["count_chains", "local_fields", "sweep_block", "write_gradient"]


@helper(reorder=True)
def local_fields(couplings: Any, biases: Any, states: Any, chain: int, n_states: int, out: Any) -> None:
    """Write the log weights of the states of every site of one chain, four rows at a time; `states` is (sites, chains)."""
    sites = states.shape[0]
    for t in range(out.size):
        out[t] = biases[t]
    j = 0
    while j + 4 <= sites:
        a = couplings[j * n_states + np.int64(states[j, chain])]
        b = couplings[(j + 1) * n_states + np.int64(states[j + 1, chain])]
        c = couplings[(j + 2) * n_states + np.int64(states[j + 2, chain])]
        d = couplings[(j + 3) * n_states + np.int64(states[j + 3, chain])]
        for t in range(out.size):
            out[t] += (a[t] + b[t]) + (c[t] + d[t])
        j += 4
    while j < sites:
        a = couplings[j * n_states + np.int64(states[j, chain])]
        for t in range(out.size):
            out[t] += a[t]
        j += 1


@helper(reorder=True)
def swap_rows(fields: Any, old: Any, new: Any) -> None:
    """Take one row of the couplings out of log weights and put another in."""
    for t in range(fields.size):
        fields[t] += new[t] - old[t]


@helper(reorder=True)
def change(couplings: Any, fields: Any, before: Any, states: Any, site: int, first: int) -> None:
    """Follow the changes of one site in every chain of a block, from log weight `first` on."""
    n_states = fields.shape[1] // states.shape[0]
    for c in range(before.size):
        old, new = np.int64(before[c]), np.int64(states[site, c])
        if old != new:
            swap_rows(fields[c, first:], couplings[site * n_states + old, first:], couplings[site * n_states + new, first:])


@helper(reorder=True)
def sweep_block(couplings: Any, biases: Any, states: Any, words: Any, sweeps: int, scale: float, work: Any) -> None:
    """Draw every site in order, `sweeps` times, in a block of chains, at an inverse temperature; `states` (sites, block)."""
    block, n_states = states.shape[1], work.weights.shape[0]
    for c in range(block):
        local_fields(couplings, biases, states, c, n_states, work.fields[c])
    for turn in range(sweeps):
        last = turn + 1 == sweeps
        for site in range(states.shape[0]):
            for c in range(block):
                work.before[c] = np.int32(states[site, c])
            for s in range(n_states):
                for c in range(block):
                    work.weights[s, c] = work.fields[c, site * n_states + s]
            exponentiate(n_states, scale, work.level, work.weights)
            choose(n_states, words, work.level, work.offset, work.weights, states, site)
            change(couplings, work.fields, work.before, states, site, (site + 1) * n_states if last else 0)


@helper()
def count_chains(states: Any, n_states: int, pairs: Any) -> None:
    """Add one for every chain and every pair of its states; of two sites the first gives the row, a site alone its own."""
    sites, chains = states.shape
    for i in range(sites):
        for c in range(chains):
            row = pairs[i * n_states + np.int64(states[i, c])]
            first = i * n_states
            for j in range(i, sites):
                row[first + np.int64(states[j, c])] += np.float32(1.0)
                first += n_states


@helper(reorder=True)
def write_gradient(target: Any, l2: Any, position: Any, pairs: Any, excess: Any, gradient: Any) -> float:
    """Write the centred gradient, with the shares of states and of pairs in the chains; return its mean square.

    `excess` becomes what one-site shares of the chains are above those of the data. The penalty is left out of the mean square.
    """
    size, q = excess.size, target.n_states
    for r in range(size):
        excess[r] = pairs[r, r] - target.single[r]
        gradient[r] = excess[r]
    couplings, slopes = position[size:].reshape((size, size)), gradient[size:].reshape((size, size))
    total = 0.0
    for r in range(size):
        right = (r // q + 1) * q
        out, shares = slopes[r, right:], target.single[right:]
        total += centred_row(pairs[r, right:], target.pairs[r, right:], shares, excess[right:], target.single[r], excess[r], out)
        gradient[r] -= take_centres(out, shares, target.single[r], gradient[right:])
        for s in range(out.size):
            out[s] += l2 * couplings[r, right + s]
            slopes[right + s, r] = out[s]
    return float(2.0 * total / (size * size))


@helper(reorder=True)
def centred_row(model: Any, data: Any, shares: Any, excess: Any, share: Any, above: Any, out: Any) -> float:
    """Write the differences of one row, centred; return the sum of their squares."""
    total = np.float32(0.0)
    for s in range(out.size):
        g = (model[s] - data[s]) - (above * shares[s] + share * excess[s])
        out[s] = g
        total += g * g
    return float(total)


@helper(reorder=True)
def take_centres(row: Any, shares: Any, share: Any, biases: Any) -> np.float32:
    """Take what the centres of a row hold out of the gradient of the biases; return what its own bias loses."""
    total = np.float32(0.0)
    for s in range(row.size):
        total += row[s] * shares[s]
        biases[s] -= row[s] * share
    return total
