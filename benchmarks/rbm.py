"""Training speed of `stochinf.RBM` against scikit-learn's BernoulliRBM, PyTorch and bare matrix products: CPU time, interleaved.

All do the same number of matrix products of the same size per minibatch. Data: 784 pixels, about 13 % of them on, as in
thresholded handwritten digits; and scikit-learn's 8x8 digits. All run on one thread. Ours train with momentum, weight decay and
centring; BernoulliRBM has none of them. The floor is the five products of an update; ours merges two of them into one. Sparse:
the same rows as a CSR matrix; rows without zeros: the same with 1e-30 in place of 0 (their chains are still of zeros and ones).
Where PyTorch is installed, a loop written by hand in it takes its turn too: the same batch, type, momentum and decay, no
centring, tensors written in place, no gradients traced. Run `python benchmarks/rbm.py [rounds]`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.neural_network import BernoulliRBM
from threadpoolctl import threadpool_limits

import stochinf as si

ROWS, VISIBLE, HIDDEN, BATCH = 6000, 784, 500, 100


def pixels() -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(0)
    strokes = rng.random((20, VISIBLE)) ** 12
    return (rng.random((ROWS, VISIBLE)) < 1.7 * strokes[rng.integers(0, 20, ROWS)]).astype(np.float32)


def ours(X: Any, hidden: int, batch: int, passes: int, algorithm: str = "pcd") -> Callable[[], Any]:
    return lambda: si.RBM(
        hidden, algorithm=algorithm, batch_size=batch, n_iter=passes, n_chains=batch, momentum=0.5, l2=1e-4, random_state=0,
        progress=False,
    ).fit(X)  # fmt: skip


def theirs(X: npt.NDArray[np.float32], hidden: int, batch: int, passes: int) -> Callable[[], Any]:
    return lambda: BernoulliRBM(hidden, batch_size=batch, n_iter=passes, learning_rate=0.05, random_state=0).fit(X)


def products(X: npt.NDArray[np.float32], hidden: int, batch: int, passes: int) -> Callable[[], None]:
    weights = np.full((X.shape[1], hidden), 0.01, np.float32)
    layer, back = np.empty((2 * batch, hidden), np.float32), np.empty((2 * batch, X.shape[1]), np.float32)
    gradient = np.empty_like(weights)

    def multiply() -> None:
        for start in range(0, passes * len(X), batch):
            start %= len(X)
            rows = X[start : start + batch]
            np.dot(rows, weights, layer[:batch])
            np.dot(layer[:batch], weights.T, back[batch:])
            np.dot(back[batch:], weights, layer[batch:])
            np.dot(rows.T, layer[:batch], gradient)
            np.dot(back[batch:].T, layer[batch:], gradient)

    return multiply


def by_hand(X: npt.NDArray[np.float32], hidden: int, batch: int, passes: int, persistent: bool) -> Callable[[], Any]:
    """Return training by a loop in PyTorch, hidden means in the gradient as usual."""
    import torch

    torch.set_num_threads(1)
    rows, generator = torch.from_numpy(X), torch.Generator().manual_seed(0)
    rate, momentum, decay = 0.05, 0.5, 1e-4

    def drawn(chances: Any) -> Any:
        return torch.rand(chances.shape, generator=generator).lt_(chances)

    @torch.inference_mode()
    def loop() -> Any:
        weights = torch.empty(X.shape[1], hidden).normal_(0.0, 0.01, generator=generator)
        biases = torch.zeros(X.shape[1]), torch.zeros(hidden)
        moving = [torch.zeros_like(array) for array in (weights, *biases)]
        chains = torch.zeros(batch, hidden)
        for _ in range(passes):
            for points in torch.randperm(len(rows), generator=generator).split(batch):
                data = rows[points]
                up = torch.addmm(biases[1], data, weights).sigmoid_()
                start = chains if persistent else drawn(up)
                below = drawn(torch.addmm(biases[0], start, weights.T).sigmoid_())
                above = torch.addmm(biases[1], below, weights).sigmoid_()
                chains = drawn(above) if persistent else chains
                moving[0].mul_(momentum).addmm_(data.T, up, alpha=rate / batch).addmm_(below.T, above, alpha=-rate / batch)
                moving[0].add_(weights, alpha=-rate * decay)
                moving[1].mul_(momentum).add_((data - below).sum(0), alpha=rate / batch)
                moving[2].mul_(momentum).add_((up - above).sum(0), alpha=rate / batch)
                for array, step in zip((weights, *biases), moving, strict=True):
                    array.add_(step)
        return weights

    return loop


def best_times(runs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return the least CPU seconds of each, one after the other in every round."""
    for run in runs.values():
        run()
    best = dict.fromkeys(runs, np.inf)
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.process_time()
            run()
            best[name] = min(best[name], time.process_time() - began)
    return best


def main(rounds: int = 5) -> None:
    dense, digits = pixels(), (load_digits().data / 16.0).astype(np.float32)
    peers: dict[str, Callable[[], Any]] = {}
    if find_spec("torch"):
        peers = {f"{name} by hand": by_hand(dense, HIDDEN, BATCH, 3, name == "PCD-1") for name in ("PCD-1", "CD-1")}
    with threadpool_limits(1):
        big = best_times(
            {
                "PCD-1": ours(dense, HIDDEN, BATCH, 3),
                "CD-1": ours(dense, HIDDEN, BATCH, 3, "cd"),
                "sparse": ours(csr_array(dense), HIDDEN, BATCH, 3),
                "dense": ours(np.maximum(dense, np.float32(1e-30)), HIDDEN, BATCH, 3),
                "same batch": theirs(dense, HIDDEN, BATCH, 3),
                "its default": theirs(dense, HIDDEN, 10, 1),
                "floor": products(dense, HIDDEN, BATCH, 3),
                **peers,
            },
            rounds,
        )
        small = best_times({"ours": ours(digits, 64, 100, 20), "same batch": theirs(digits, 64, 100, 20)}, 4 * rounds)
    default = 3 * big["its default"] / big["PCD-1"]
    update = big["PCD-1"] / (3 * ROWS / BATCH) * 1e3
    print(f"784x500, batch {BATCH}, {ROWS} rows: {update:.2f} ms an update of PCD-1, the start of fitting included")
    for name in ("PCD-1", "CD-1"):
        print(
            f"784x500, {name}: time over that of five matrix products alone    {big[name] / big['floor']:6.2f}   target <= 1.15"
        )
    print(f"784x500: times faster than BernoulliRBM, same batch and dtype  {big['same batch'] / big['PCD-1']:6.2f}   target >= 2")
    print(f"784x500: times faster than BernoulliRBM, its default batch 10  {default:6.2f}   target >= 6")
    for name in ("PCD-1", "CD-1") if peers else ():
        faster = big[f"{name} by hand"] / big[name]
        print(f"784x500, {name}: times faster than a loop by hand in PyTorch".ljust(63) + f"{faster:6.2f}   target > 1")
    print(f"784x500: sparse rows over rows without zeros                   {big['sparse'] / big['dense']:6.2f}   target <= 0.75")
    print(
        f"digits, 64x64: times faster than BernoulliRBM, same batch      {small['same batch'] / small['ours']:6.2f}   target >= 2"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
