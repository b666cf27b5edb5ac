"""Errors in recognising handwritten digits: features of a machine read by logistic regression, and a tuned deep belief network.

The data are MNIST's 60,000 and 10,000 digits thresholded at 127 (`mnist/mnist_bin127_packbits.npz` in the folder that the
environment variable STOCHINF_RBM_DATA names). The penalty of the regression is chosen on the last 10,000 rows of the training
set, as the constants of its machine were; nothing of them is chosen on the test set. The machine is asked for hidden units that
are seldom on. The regression is a network without hidden layers, trained by minibatches. The deep network learns by
backpropagation from rows of which a fifth of the pixels drops out, and from labels softened by a tenth; its rate falls to zero
over the passes asked for, and the mean of the last three eighths of the iterates is the answer. One thread, CPU seconds.
Run `python benchmarks/recognition.py [features] [dbn] [--passes n] [--tuning n] [--hidden n]`; minutes each.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import stochinf as si
from stochinf.rbm.network import Network, descended, layers_of

DATA = Path(os.environ.get("STOCHINF_RBM_DATA", "data/rbm"))
HELD_OUT = 10_000
PENALTIES = (1e-5, 5e-5)
READING, AT_ONCE = 30, 500
"""Passes of the regression, and rows of a minibatch."""
SIZES = (500, 500, 2000)
DROPOUT = (0.2, 0.0)
"""Of the pixels and of the hidden units."""


def line(what: str, value: float, target: str = "") -> None:
    print(f"{what:<78} {value:7.2f}   {target and 'target ' + target}", flush=True)


def digits() -> tuple[Any, Any, Any, Any]:
    """Return rows and labels to train on, rows and labels to test on."""
    packed = np.load(DATA / "mnist" / "mnist_bin127_packbits.npz")
    train, test = (np.unpackbits(packed[name], axis=1).astype(np.float32) for name in ("train", "test"))
    return train, packed["train_labels"], test, packed["test_labels"]


def wrong(model: Any, rows: Any, truth: Any) -> float:
    """Return the percentage of rows that are not recognised."""
    return 100.0 * float((model.predict(rows) != truth).mean())


def regression(rows: Any, labels: Any, l2: float) -> Any:
    """Return weights and biases of multinomial logistic regression: a network without hidden layers."""
    widths = np.array([rows.shape[1], 10])
    network = Network(rows, np.eye(10)[labels], widths, AT_ONCE, l2)
    rule = si.optim.Adam(3e-3 * si.schedules.Linear(READING * len(rows) // AT_ONCE))
    return layers_of(descended(network, rule, np.zeros(network.dim), batch=AT_ONCE, passes=READING, entropy=0), widths)[0]


def misread(layer: Any, rows: Any, truth: Any) -> float:
    """Return the percentage of rows that a regression does not recognise."""
    return 100.0 * float(((rows @ layer[0] + layer[1]).argmax(axis=1) != truth).mean())


def chosen(rows: Any, labels: Any) -> float:
    """Return the penalty of the regression that errs least on rows held out."""
    errors = {}
    for l2 in PENALTIES:
        layer = regression(rows[:-HELD_OUT], labels[:-HELD_OUT], l2)
        errors[l2] = misread(layer, rows[-HELD_OUT:], labels[-HELD_OUT:])
        line(f"  penalty {l2:g}: held-out error, %", errors[l2])
    return min(errors, key=errors.__getitem__)


def machine_of(train: Any, hidden: int, passes: int) -> Any:
    steps = passes * len(train) // 100
    return si.RBM(
        hidden, algorithm="cd", n_iter=passes, batch_size=100, momentum=0.5, l2=2e-4, sparsity_target=0.05, sparsity=0.3,
        random_state=0, progress=False, learning_rate=0.1 * si.schedules.Linear(steps),
    ).fit(train)  # fmt: skip


def read(rbm: Any, rows: tuple[Any, Any, Any, Any]) -> None:
    """Print the error of logistic regression of a machine's features, less their means."""
    train, labels, test, truth = rows
    seen, unseen = rbm.transform(train), rbm.transform(test)
    means = seen.mean(axis=0)
    seen -= means
    unseen -= means
    line(f"  of {seen.shape[1]} units on, %", 100.0 * float(means.mean()))
    l2 = chosen(seen, labels)
    layer = regression(seen, labels, l2)
    line(
        f"logistic regression on {seen.shape[1]} features, penalty {l2:g}: test error, %", misread(layer, unseen, truth), "<= 1.9"
    )


def features(hidden: int, passes: int) -> None:
    rows = digits()
    began = time.process_time()
    rbm = machine_of(rows[0], hidden, passes)
    line(f"784-{hidden}, {passes} passes of CD-1: CPU seconds", time.process_time() - began)
    read(rbm, rows)
    line("  CPU seconds in all", time.process_time() - began)


def dbn(passes: int, tuning: int) -> None:
    train, labels, test, truth = digits()
    began = time.process_time()
    machine, steps = si.RBM(1, n_iter=passes, batch_size=100, progress=False), tuning * len(train) // 100
    rule = si.optim.Averaging(si.optim.Adam(1e-3 * si.schedules.Cosine(steps)), start=5 * steps // 8)
    network = si.DBN(
        SIZES, machine, n_iter=tuning, batch_size=100, rule=rule, dropout=DROPOUT, random_state=0, progress=False
    ).fit(train)  # fmt: skip
    line(f"784-500-500-2000, {passes} passes a layer: CPU seconds", time.process_time() - began)
    network.fine_tune(train, 0.9 * np.eye(10)[labels] + 0.01)
    line(f"{tuning} passes of backpropagation: test error, %", wrong(network, test, truth), "<= 1.3")
    line("  CPU seconds in all", time.process_time() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["features", "dbn"], help="features, dbn")
    parser.add_argument("--hidden", type=int, default=4000, help="features")
    parser.add_argument("--passes", type=int, help="over the rows, of every machine")
    parser.add_argument("--tuning", type=int, default=20, help="passes of backpropagation")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - {"features", "dbn"}:
        parser.error(f"no part {', '.join(sorted(unknown))}; there are features and dbn")
    with threadpool_limits(1):
        if "features" in asked.parts:
            features(asked.hidden, asked.passes or 6)
        if "dbn" in asked.parts:
            dbn(asked.passes or 8, asked.tuning)


if __name__ == "__main__":
    main()
