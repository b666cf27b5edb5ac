r"""The leapfrog step in whitened momenta, compiled.

With :math:`h = T^\top \nabla \log\pi(x)` and step :math:`\epsilon`,

.. math::

    r \leftarrow r + \tfrac{\epsilon}{2} h(x), \qquad x \leftarrow x + \epsilon\, T r, \qquad
    r \leftarrow r + \tfrac{\epsilon}{2} h(x).

It preserves volume and is its own inverse when the step changes sign, whatever h is: an inexact gradient costs acceptance,
never correctness.

References
----------
Neal, R. M. (2011). MCMC using Hamiltonian dynamics, equations (2.28-2.30).
"""

from __future__ import annotations

import math
from typing import Any

from stochinf.engine.jit import helper
from stochinf.engine.normals import write_normals
from stochinf.mcmc.hamiltonian import LEFT, PROPOSALS, RIGHT, SLOPE, SUM, VELOCITY

__all__ = ["RANK", "copy", "leapfrog", "refresh", "slope_row", "stretched", "whiten"]

RANK = 1
"""Where `counts` has the number of directions in use."""


@helper()
def copy(source: Any, out: Any) -> None:
    """Copy a vector."""
    for i in range(out.size):
        out[i] = source[i]


@helper(reorder=True)
def stretched(directions: Any, stretch: Any, rank: int, vector: Any) -> None:
    """Replace a vector v by (I + V' diag(a) V) v."""
    for j in range(rank):
        row = directions[j]
        part = 0.0
        for i in range(vector.size):
            part += row[i] * vector[i]
        part *= stretch[j]
        for i in range(vector.size):
            vector[i] += part * row[i]


@helper(reorder=True)
def whiten(scale: Any, gradient: Any, out: Any) -> None:
    """Write a gradient, scaled, into `out`; `stretched` does the rest."""
    for i in range(out.size):
        out[i] = scale[i] * gradient[i]


@helper(reorder=True)
def kick_and_drift(x: Any, r: Any, gradient: Any, scale: Any, velocity: Any, step: float) -> None:
    """Do half a step of the momentum, then a step of the position, where the metric is diagonal."""
    half = 0.5 * step
    for i in range(x.size):
        r[i] += half * (scale[i] * gradient[i])
        velocity[i] = scale[i] * r[i]
        x[i] += step * velocity[i]


@helper(reorder=True)
def kick(r: Any, h: Any, velocity: Any, step: float) -> None:
    """Do half a step of the momentum; copy it."""
    half = 0.5 * step
    for i in range(r.size):
        r[i] += half * h[i]
        velocity[i] = r[i]


@helper(reorder=True)
def drift(x: Any, scale: Any, velocity: Any, step: float) -> None:
    """Scale a velocity and move the position by it."""
    for i in range(x.size):
        velocity[i] *= scale[i]
        x[i] += step * velocity[i]


@helper(reorder=True)
def kick_again(r: Any, h: Any, total: Any, step: float) -> float:
    """Do the second half of the momentum's step; add it to the sum of momenta; return the kinetic energy."""
    half = 0.5 * step
    energy = 0.0
    for i in range(r.size):
        moved = r[i] + half * h[i]
        r[i] = moved
        total[i] += moved
        energy += moved * moved
    return 0.5 * energy


@helper(reorder=True)
def scale_and_kick_again(r: Any, gradient: Any, scale: Any, total: Any, step: float) -> float:
    """Do `whiten` and `kick_again` in one pass, where the metric is diagonal."""
    half = 0.5 * step
    energy = 0.0
    for i in range(r.size):
        moved = r[i] + half * (scale[i] * gradient[i])
        r[i] = moved
        total[i] += moved
        energy += moved * moved
    return 0.5 * energy


@helper()
def slope_row(rank: int, end: int) -> int:
    """Return the row of `paths` for the gradient at an end: where the metric is diagonal, none is kept whitened beside it."""
    return end + 2 if rank == 0 else SLOPE


@helper()
def leapfrog(target: Any, state: Any, end: int, total: int, step: float) -> tuple[float, float]:
    """Move one end of the trajectory by a step, in place; return log density and kinetic energy there.

    The gradient is left in row `slope_row` of `state.paths`, the velocity in row `VELOCITY`; row `total` gains the momentum.
    """
    paths = state.paths
    rank = state.counts[RANK]
    slope = paths[slope_row(rank, end)]
    if rank == 0:
        kick_and_drift(paths[end], paths[end + 1], paths[end + 2], state.scale, paths[VELOCITY], step)
    else:
        kick(paths[end + 1], paths[end + 2], paths[VELOCITY], step)
        stretched(state.directions, state.stretch, rank, paths[VELOCITY])
        drift(paths[end], state.scale, paths[VELOCITY], step)
    log_density = target.log_density_gradient(paths[end], slope)
    if math.isnan(log_density) or log_density == math.inf:
        state.nonfinite[0] += 1
        return -math.inf, math.inf
    if rank == 0:
        return log_density, scale_and_kick_again(paths[end + 1], slope, state.scale, paths[total], step)
    whiten(state.scale, slope, paths[end + 2])
    stretched(state.directions, state.stretch, rank, paths[end + 2])
    return log_density, kick_again(paths[end + 1], paths[end + 2], paths[total], step)


@helper(reorder=True)
def spread(paths: Any, position: Any, gradient: Any) -> float:
    """Copy momentum and gradient of the left end to the right, position and gradient to both ends and a proposal."""
    energy = 0.0
    for i in range(position.size):
        r = paths[LEFT + 1, i]
        energy += r * r
        paths[RIGHT + 1, i] = r
        paths[SUM, i] = r
        paths[RIGHT + 2, i] = paths[LEFT + 2, i]
        paths[LEFT, i] = position[i]
        paths[RIGHT, i] = position[i]
        paths[PROPOSALS, i] = position[i]
        paths[PROPOSALS + 1, i] = gradient[i]
    return 0.5 * energy


@helper()
def refresh(state: Any, rng: Any) -> float:
    """Draw a momentum and begin a trajectory at the position; return the kinetic energy."""
    paths = state.paths
    write_normals(rng, paths[LEFT + 1])
    rank = state.counts[RANK]
    if rank == 0:
        copy(state.gradient, paths[LEFT + 2])
    else:
        whiten(state.scale, state.gradient, paths[LEFT + 2])
        stretched(state.directions, state.stretch, rank, paths[LEFT + 2])
    return spread(paths, state.position, state.gradient)
