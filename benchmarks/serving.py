"""Cost of answers of a trained stack of machines against the size of the batch and the storage of the weights.

Prints latency, throughput and size of `transform` of an RBM and `predict` of a DBN on scikit-learn's digits, with weights in
float32, in float16 (stored; the products are in float32) and in int8 (one scale for each unit), and the accuracy that each
leaves. Run `python benchmarks/serving.py`.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

import stochinf as si

BATCHES = (1, 10, 100, 797)


def as_float16(weights: Any) -> tuple[Any, int]:
    """Return weights as float16 keeps them, and their bytes."""
    kept = weights.astype(np.float16)
    return kept.astype(np.float32), kept.nbytes


def as_int8(weights: Any) -> tuple[Any, int]:
    """Return weights as whole numbers from -127 to 127 with one scale for each column keep them, and their bytes."""
    scale = np.abs(weights).max(axis=0, keepdims=True).astype(np.float32) / 127 + np.float32(1e-30)
    kept = np.rint(weights / scale).astype(np.int8)
    return kept * scale, kept.nbytes + scale.nbytes


STORAGES: dict[str, Callable[[Any], tuple[Any, int]]] = {
    "float32": lambda weights: (weights.astype(np.float32), 4 * weights.size), "float16": as_float16, "int8": as_int8,
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
            columns, size = stored(rbm.weights_.T)
            features.weights_ = np.ascontiguousarray(columns.T)
            parts = [(*stored(weights), bias) for weights, bias in dbn.layers_]
            network.layers_ = [(weights, bias) for weights, _, bias in parts]
            whole = sum(held + bias.nbytes for _, held, bias in parts)
            size += features.hidden_bias_.nbytes
            print(f"{name:8s} transform, 64-200: {size / 1e3:7.1f} kB, accuracy of logistic regression on it", end=" ")
            print(f"{reader.score(features.transform(test), truth):.4f}; {latencies(features.transform, test)}")
            print(f"{name:8s} predict, 64-200-100-10: {whole / 1e3:7.1f} kB, accuracy {network.score(test, truth):.4f};", end=" ")
            print(latencies(network.predict, test))


if __name__ == "__main__":
    main()
