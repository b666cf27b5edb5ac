"""Potts models of real alignments, and edges of binary models, against peers: `python benchmarks/structure.py [part ...]`.

Parts: `rna`, `ww` (learning RF00379 and WW to a Pearson correlation of 0.95, verified by fresh chains; contacts by three
methods), `speed` (updates a second), `edges` (sparse Ising graphs found again, beside one penalty for all from scikit-learn).
The alignments are read from the folder in the environment variable STOCHINF_RBM_DATA. Where ADABMDCA names the program
`adabmDCA` (it has an environment of its own), the part `peer` runs it on the same files, chains and sweeps, one thread.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
from measure import line
from threadpoolctl import threadpool_limits

import stochinf as si

DATA = Path(os.environ.get("STOCHINF_RBM_DATA", "data/rbm"))
FILES = {"rna": DATA / "rna" / "RF00379.fasta.gz", "ww": DATA / "protein" / "WW_domain_MSA.fasta.gz"}
PEER = os.environ.get("ADABMDCA", "")
PEER_SECONDS = 300.0


def timed(what: Callable[[], Any]) -> tuple[Any, float]:
    """Return a result and the CPU seconds of this process."""
    began = time.process_time()
    return what(), time.process_time() - began


def alignment(name: str) -> None:
    rows, took = timed(lambda: si.learning.read_alignment(FILES[name]))
    weights, weighing = timed(lambda: si.learning.sequence_weights(rows))
    n, sites = rows.states.shape
    line(f"{name}: {n} sequences of {sites} sites, {rows.n_states} states; effective", weights.sum(), "none")
    line(f"{name}: CPU s to read; to weigh {weighing:.2f}", took, "none")
    si.learn_potts(rows, sample_weight=weights, target=0.05, rng=0)
    learnt, took = timed(lambda: si.learn_potts(rows, sample_weight=weights, rng=0))
    line(f"{name}: CPU s of learning by 2048 chains ({learnt.reason})", took, "none")
    fresh = learnt.agreement(8192, sweeps=400, rng=1)
    line(f"{name}: Pearson correlation of 8192 fresh chains after 400 sweeps, in percent", 100 * fresh["pearson"], ">= 95")
    line(f"{name}: ... its slope {fresh['slope']:.2f}; of single shares", fresh["single"], "1")
    line(f"{name}: ... halfway against the end, beside {fresh['noise']:.3f} between halves", fresh["mixing"], "the same or more")
    others = {method: timed(lambda method=method: si.learn_potts(rows, method, sample_weight=weights, rng=0))
              for method in ("mean-field", "pseudo-likelihood")}  # fmt: skip
    best = {(i, j) for i, j, _ in learnt.contacts()}
    for method, (other, took) in others.items():
        shared = len(best & {(i, j) for i, j, _ in other.contacts()}) / len(best)
        line(f"{name}: {method}, CPU s {took:.1f}; share of the {len(best)} best contacts that are the same", shared, "none")


def speed() -> None:
    for sites, q in ((136, 5), (31, 21), (100, 2)):
        couplings = np.random.default_rng(0).normal(0.0, 0.1, (sites * q, sites * q))
        couplings += couplings.T
        for i in range(sites):
            couplings[i * q : i * q + q, i * q : i * q + q] = 0.0
        model = si.learning.DensePotts(np.zeros(sites * q), couplings, q)
        shares = si.learning.PairShares(np.full(sites * q, 1 / q), np.full((sites * q, sites * q), 1 / q**2), q)
        start = np.append(np.zeros(sites * q), couplings.ravel()).astype(np.float32)

        def draws(model: Any = model) -> None:
            si.run(si.learning.DenseGibbs(), model, steps=20, thin=20, chains=1024, threads=1, rng=0, progress=False)

        def steps(shares: Any = shares, start: Any = start) -> None:
            kernel = si.learning.PottsContrastive(1024, learning_rate=1e-9)
            si.run(kernel, shares, steps=20, thin=20, init=start, threads=1, rng=0, progress=False)

        for what, run in (("sweeps alone", draws), ("sweeps, counts and gradient", steps)):
            run()
            least = min(timed(run)[1] for _ in range(5))
            line(f"{sites} sites, {q} states: million updates/s, {what}", 20 * 1024 * sites / least / 1e6, "none")


def spins(graph: nx.Graph, n: int) -> np.ndarray:
    model = si.FactorGraph.from_networkx(graph)
    run = si.run(si.graphs.Gibbs(), model, steps=1, warmup=400 * len(graph), chains=n, rng=1, progress=False)
    return np.asarray(run["state"])[:, -1]


def planted(graph: nx.Graph) -> tuple[nx.Graph, np.ndarray]:
    """Return a graph with couplings of 0.5 of either sign, and their matrix."""
    graph = nx.convert_node_labels_to_integers(graph)
    generator = np.random.default_rng(0)
    for _, _, data in graph.edges(data=True):
        data["J"] = float(generator.choice([-0.5, 0.5]))
    return graph, nx.to_numpy_array(graph, nodelist=range(len(graph)), weight="J")


def by_scikit_learn(X: np.ndarray, strength: float) -> np.ndarray:
    """Return which columns choose each other at one strength."""
    from sklearn.linear_model import LogisticRegression

    n, p = X.shape
    sides = np.zeros((p, p))
    for i in range(p):
        fit = LogisticRegression(C=1 / (strength * n), l1_ratio=1.0, solver="saga", tol=1e-4, max_iter=1000)
        sides[i, np.arange(p) != i] = fit.fit(np.delete(X, i, 1), X[:, i]).coef_[0]
    return (sides != 0) & (sides.T != 0)


def edges() -> None:
    for name, made in (("grid 7x7", nx.grid_2d_graph(7, 7)), ("3-regular, 60", nx.random_regular_graph(3, 60, seed=1))):
        graph, truth = planted(made)
        for n in (300, 1000, 3000):
            X = spins(graph, n)
            strength = float(np.sqrt(np.log(len(graph)) / n))
            si.learn_ising(X, strength, refit=False)
            found, took = timed(lambda X=X: si.learn_ising(X))
            wrong = np.count_nonzero((found.couplings != 0) != (truth != 0)) // 2
            what = f"{name}, {n} rows: wrong of {graph.number_of_edges()} edges"
            line(f"{what}, CPU s {took:.1f}", wrong, "0")
            ours, mine = timed(lambda X=X, strength=strength: si.learn_ising(X, strength, refit=False))
            theirs, took = timed(lambda X=X, strength=strength: by_scikit_learn(X, strength))
            wrong = np.count_nonzero(theirs != (truth != 0)) // 2
            same = np.count_nonzero(theirs != (ours.couplings != 0)) // 2
            what = f"  one strength for all: {wrong} wrong; scikit-learn's differ in {same}"
            line(f"{what}, its CPU s over ours", took / mine, "> 1")


def peer() -> None:
    for name, rate in (("rna", 0.05), ("rna", 0.01), ("ww", 0.05)):
        with tempfile.TemporaryDirectory() as folder:
            fasta = Path(folder) / "a.fasta"
            fasta.write_bytes(gzip.decompress(FILES[name].read_bytes()))
            call = [PEER, "train", "-d", str(fasta), "-o", f"{folder}/out", "--nchains", "2048", "--nsweeps", "1"]
            call += ["--sampler", "gibbs", "--lr", str(rate), "--device", "cpu", "--no-progress"]
            threads = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(call, env=threads, timeout=PEER_SECONDS, capture_output=True, check=False)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            last = Path(folder, "out", "adabmDCA.log").read_text(encoding="utf-8").splitlines()[-1].split()
            what = f"{name}: adabmDCA, rate {rate}: {last[2]} steps in {took:.0f} CPU s"
            line(f"{what}, Pearson correlation", float(last[5]), "none")


def main(*asked: str) -> None:
    parts = {"rna": lambda: alignment("rna"), "ww": lambda: alignment("ww"), "speed": speed, "edges": edges, "peer": peer}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", si.ConvergenceWarning)
        for name in asked or ("rna", "ww", "speed", "edges"):
            parts[name]()


if __name__ == "__main__":
    main(*sys.argv[1:])
