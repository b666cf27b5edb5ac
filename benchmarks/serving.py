"""Cost of answers of a trained stack of machines against the size of the batch and the storage of the weights.

Prints latency, throughput and size of `transform` of an RBM and `predict` of a DBN on scikit-learn's digits, with weights in
float32, in float16 (stored; the products are in float32), in int8 (one scale for each unit), and pruned to the largest half,
fifth and tenth (a value and a two-byte row each; the products stay dense), and the accuracy that each leaves. The energy of a row
is an estimate from the work alone: a multiplication and an addition for each weight kept, and each weight read once a batch from
memory outside the processor, by the figures for 45 nm of Horowitz (2014), Computing's energy problem, ISSCC, figure 1.1.9.
Run `python benchmarks/serving.py`.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

import stochinf as si

BATCHES = (1, 10, 100, 797)


PICOJOULES = {"float32": 3.7 + 0.9, "float16": 1.1 + 0.4, "int8": 0.2 + 0.1}
"""Of a multiplication and an addition; int8 adds up in 32 bits."""

READ = 640.0 / 4
"""Picojoules of a byte from memory outside the processor."""


class Stored(NamedTuple):
    """Weights as a storage leaves them, the bytes that it takes, how many weights it keeps, and the arithmetic that it allows."""

    weights: Any
    bytes: int
    kept: int
    arithmetic: str

    def nanojoules(self, batch: int) -> float:
        """Return the energy of a row in a batch."""
        return 1e-3 * (self.kept * PICOJOULES[self.arithmetic] + self.bytes * READ / batch)


def as_float32(weights: Any) -> Stored:
    """Return weights as they are."""
    return Stored(weights.astype(np.float32), 4 * weights.size, weights.size, "float32")


def as_float16(weights: Any) -> Stored:
    """Return weights as float16 keeps them."""
    kept = weights.astype(np.float16)
    return Stored(kept.astype(np.float32), kept.nbytes, kept.size, "float16")


def as_int8(weights: Any) -> Stored:
    """Return weights as whole numbers from -127 to 127 with one scale for each column keep them."""
    scale = np.abs(weights).max(axis=0, keepdims=True).astype(np.float32) / 127 + np.float32(1e-30)
    kept = np.rint(weights / scale).astype(np.int8)
    return Stored(kept * scale, kept.nbytes + scale.nbytes, kept.size, "int8")


def pruned(weights: Any, share: float) -> Stored:
    """Return the largest weights of a layer, the others zero."""
    kept = np.abs(weights) >= np.quantile(np.abs(weights), 1.0 - share)
    return Stored(np.where(kept, weights, 0).astype(np.float32), 6 * int(kept.sum()), int(kept.sum()), "float32")


STORAGES: dict[str, Callable[[Any], Stored]] = {
    "float32": as_float32, "float16": as_float16, "int8": as_int8,
    **{f"{share:.0%} kept": partial(pruned, share=share) for share in (0.5, 0.2, 0.1)},
}  # fmt: skip


def latencies(answer: Callable[[Any], Any], rows: Any) -> str:
    """Return milliseconds a call and thousand rows a second, by batch: the best of many calls."""
    shown = []
    for batch in BATCHES:
        part, best = rows[:batch], np.inf
        for _ in range(50):
            began = time.perf_counter()
            answer(part)
            best = min(best, time.perf_counter() - began)
        shown.append(f"{batch}: {1e3 * best:.3f} ms, {batch / best / 1e3:.0f} k/s")
    return "; ".join(shown)


def main() -> None:
    X, y = load_digits(return_X_y=True)
    X = (X / 16.0).astype(np.float32)
    train, labels, test, truth = X[:1000], y[:1000], X[1000:], y[1000:]
    machine = si.RBM(1, n_iter=20, batch_size=20, learning_rate=0.05, progress=False)
    dbn = si.DBN((200, 100), machine, n_iter=40, batch_size=20, rule=si.optim.Adam(2e-3), random_state=0, progress=False)
    dbn.fit(train, labels)
    rbm = dbn.rbms_[0]
    reader = LogisticRegression(C=10.0, max_iter=2000).fit(rbm.transform(train), labels)
    with threadpool_limits(1):
        for name, stored in STORAGES.items():
            features, network = copy.deepcopy(rbm), copy.deepcopy(dbn)
            held = stored(rbm.weights_.T)
            features.weights_ = np.ascontiguousarray(held.weights.T)
            layers = [(stored(weights), bias) for weights, bias in dbn.layers_]
            network.layers_ = [(layer.weights, bias) for layer, bias in layers]
            report(name, "transform, 64-200", [held], features.hidden_bias_.nbytes, reader.score(features.transform(test), truth))
            print(f"    {latencies(features.transform, test)}")
            biases = sum(bias.nbytes for _, bias in layers)
            report(name, "predict, 64-200-100-10", [layer for layer, _ in layers], biases, network.score(test, truth))
            print(f"    {latencies(network.predict, test)}")


def report(name: str, what: str, layers: list[Stored], biases: int, accuracy: float) -> None:
    """Print size, accuracy and energy."""
    size = sum(layer.bytes for layer in layers) + biases
    energy = ", ".join(f"{batch}: {sum(layer.nanojoules(batch) for layer in layers):.0f} nJ" for batch in BATCHES)
    print(f"{name:9s} {what}: {size / 1e3:7.1f} kB, accuracy {accuracy:.4f}; estimated energy of a row, by batch, {energy}")


if __name__ == "__main__":
    main()
