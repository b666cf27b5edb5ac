"""Belief propagation against PGMax (JAX) and pyAgrum's loopy belief propagation, in one process, turn by turn.

    pip install pgmax jax==0.4.30 jaxlib==0.4.30 pyagrum
    STOCHINF_DATA=data python benchmarks/variational.py

Peers that are not installed are left out. A message is what one factor tells one of its variables once. PGMax updates all
messages at once; the time to settle is the time until no belief is further than 1e-4 from the fixed point. CPU time is that of
all threads.
"""

from __future__ import annotations

import gzip
import math
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measure import line

import stochinf as si
from stochinf.graphs.variational import belief_propagation
from stochinf.graphs.variational.beliefs import messages_of
from stochinf.graphs.variational.layout import message_graph
from stochinf.graphs.variational.messages import SumProduct
from stochinf.graphs.variational.odds import SpinOdds, odds_of, spin_pairs
from stochinf.graphs.variational.passing import run_sweeps

SIDE = 100
SWEEPS = 10


def best(runs: dict[str, Callable[[], Any]], rounds: int = 7) -> dict[str, float]:
    """Return the least CPU seconds, of all threads, of each of several runs, taken in turn after one call that is not timed."""
    for run in runs.values():
        run()
    least = dict.fromkeys(runs, math.inf)
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.process_time()
            run()
            least[name] = min(least[name], time.process_time() - began)
    return least


def grid(k: int, seed: int = 0) -> tuple[si.FactorGraph, Any, Any, Any]:
    """Return a grid of variables of k states with random fields and couplings of neighbours in equal states."""
    rng = np.random.default_rng(seed)
    number = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    across = np.stack([number[:, :-1].ravel(), number[:, 1:].ravel()], axis=1)
    edges = np.concatenate([across, np.stack([number[:-1].ravel(), number[1:].ravel()], axis=1)])
    fields = 0.2 * rng.standard_normal((SIDE * SIDE, k))
    pairs = np.eye(k) * 0.6 * rng.standard_normal((len(edges), 1, 1))
    scopes = [(v,) for v in range(SIDE * SIDE)] + [tuple(e) for e in edges.tolist()]
    return si.FactorGraph.from_log_tables([k] * SIDE * SIDE, scopes, [*fields, *pairs]), edges, fields, pairs


def sweeping(graph: si.FactorGraph) -> Callable[[], Any]:
    """Return some sweeps over the factors in order."""
    spins = spin_pairs(graph.spins)
    target: Any = message_graph(graph) if spins is None else spins
    state: Any = messages_of(target) if spins is None else odds_of(spins)
    kernel = SumProduct() if spins is None else SpinOdds()
    return lambda: run_sweeps(kernel, target, state, SWEEPS)


def pgmax_inferer(k: int, edges: Any, fields: Any, pairs: Any) -> tuple[Any, Any, Any] | None:
    """Return PGMax's inferer, its messages and its variables; None where it is not installed."""
    try:
        from pgmax import fgraph, fgroup, infer, vgroup
    except ImportError:
        return None
    variables = vgroup.NDVarArray(num_states=k, shape=(SIDE * SIDE,))
    model = fgraph.FactorGraph(variable_groups=[variables])
    members = [[variables[i], variables[j]] for i, j in edges.tolist()]
    model.add_factors(fgroup.PairwiseFactorGroup(variables_for_factors=members, log_potential_matrix=pairs))
    inferer = infer.build_inferer(model.bp_state, backend="bp")
    return inferer, inferer.init(evidence_updates={variables: fields}), variables


def settling(inferer: Any, arrays: Any, variables: Any, wanted: Any) -> int:
    """Return how many of PGMax's iterations bring every belief within 1e-4 of the fixed point; 0 if 200 do not."""
    from pgmax import infer

    for rounds in range(5, 205, 5):
        arrays = inferer.run(arrays, num_iters=5, damping=0.0, temperature=1.0)
        found = np.asarray(infer.get_marginals(inferer.get_beliefs(arrays))[variables])
        if abs(found - wanted).max() < 1e-4:
            return rounds
    return 0


def passing(inferer: Any, arrays: Any) -> Callable[[], Any]:
    """Return some of PGMax's iterations."""
    return lambda: inferer.run(arrays, num_iters=SWEEPS, damping=0.0, temperature=1.0).ftov_msgs.block_until_ready()


def compare_grids() -> None:
    """Print nanoseconds a message, and seconds to settle."""
    for k, what, goal in ((2, "Ising", "at most 20"), (3, "Potts, 3 states", "")):
        graph, edges, fields, pairs = grid(k)
        messages = 2 * len(edges) * SWEEPS
        runs: dict[str, Callable[[], Any]] = {
            "sweeps": sweeping(graph),
            "residual": lambda graph=graph: belief_propagation(graph, tolerance=1e-4),
            "scan": lambda graph=graph: belief_propagation(graph, tolerance=1e-4, schedule="scan"),
        }
        peer = pgmax_inferer(k, edges, fields, pairs)
        rounds = 0
        if peer is not None:
            inferer, arrays, variables = peer
            wanted = belief_propagation(graph).probabilities.reshape(-1, k)
            rounds = settling(inferer, arrays, variables, wanted)
            runs["pgmax"] = passing(inferer, arrays)
        took = best(runs)
        own = took["sweeps"] / messages * 1e9
        line(f"{what} {SIDE}x{SIDE}, ns a message", own, goal or "-")
        for schedule in ("residual", "scan"):
            line(f"{what} {SIDE}x{SIDE}, ms to settle within 1e-4, {schedule}, building included", 1e3 * took[schedule], "-")
        if peer is not None:
            theirs = took["pgmax"] / messages * 1e9
            line(f"{what}: PGMax, ns a message", theirs, "-")
            line(f"{what}: PGMax, ms to settle within 1e-4 ({rounds} iterations)", 1e3 * took["pgmax"] / SWEEPS * rounds, "-")
            line(f"{what}: PGMax / stochinf, ns a message", theirs / own, "at least 1")


def compare_alarm() -> None:
    """Print milliseconds for the beliefs of the alarm network, built before."""
    folder = Path(os.environ.get("STOCHINF_DATA", "")) / "graphical" / "bif"
    if "STOCHINF_DATA" not in os.environ or not folder.is_dir():
        print("skipped: alarm, set STOCHINF_DATA to a folder that holds graphical/bif")
        return
    graph = si.read_graph(folder / "alarm.bif.gz")
    runs: dict[str, Callable[[], Any]] = {"stochinf": lambda: belief_propagation(graph, tolerance=1e-6)}
    try:
        import pyagrum
    except ImportError:
        pyagrum = None
    if pyagrum is not None:
        with tempfile.NamedTemporaryFile(suffix=".bif") as plain:
            plain.write(gzip.decompress((folder / "alarm.bif.gz").read_bytes()))
            plain.flush()
            network = pyagrum.loadBN(plain.name)

        def peer() -> None:
            engine = pyagrum.LoopyBeliefPropagation(network)
            engine.setEpsilon(1e-6)
            engine.makeInference()

        runs["pyagrum"] = peer
    took = best(runs)
    line("alarm, ms until beliefs settle", 1e3 * took["stochinf"], "-")
    if "pyagrum" in took:
        line("alarm: pyAgrum's LoopyBeliefPropagation / stochinf", took["pyagrum"] / took["stochinf"], "at least 1")


if __name__ == "__main__":
    compare_grids()
    compare_alarm()
