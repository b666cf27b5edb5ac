"""Errors in recognising handwritten digits: features of a machine read by logistic regression, and a tuned deep belief network.

The data are MNIST's 60,000 and 10,000 digits thresholded at 127 (`mnist/mnist_bin127_packbits.npz` in the folder that the
environment variable STOCHINF_RBM_DATA names). The strength of the regression's penalty is chosen on the last 10,000 rows of the
training set; nothing is chosen on the test set. The network learns by backpropagation from rows of which 15 % of the pixels are
blanked, anew in every pass, and from labels softened by a tenth; its rate falls to zero over the passes asked for, and the error
after the last of them is the answer. One thread, CPU seconds.
Run `python benchmarks/recognition.py [features] [dbn] [--passes n] [--tuning n] [--hidden n] [--seconds n]`; minutes each. Errors
are printed on the way, so that a run that is cut short, or ends after `--seconds`, has said something.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import stochinf as si

DATA = Path(os.environ.get("STOCHINF_RBM_DATA", "data/rbm"))
HELD_OUT = 10_000
STRENGTHS = (0.002, 0.01, 0.05, 0.3)
SIZES = (500, 500, 2000)


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


def reader(strength: float) -> Any:
    """Return a linear classifier of features that are brought to one scale, which spares it many steps."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=100, tol=1e-3))


def chosen(rows: Any, labels: Any) -> float:
    """Return the strength of the regression that errs least on rows held out."""
    errors = {}
    for strength in STRENGTHS:
        model = reader(strength).fit(rows[:-HELD_OUT], labels[:-HELD_OUT])
        errors[strength] = wrong(model, rows[-HELD_OUT:], labels[-HELD_OUT:])
        line(f"  C = {strength}: held-out error, %", errors[strength])
    return min(errors, key=errors.__getitem__)


def machine_of(train: Any, hidden: int, passes: int) -> Any:
    steps = passes * len(train) // 100
    return si.RBM(
        hidden, algorithm="cd", n_iter=passes, batch_size=100, momentum=0.5, l2=2e-4, random_state=0, progress=False,
        learning_rate=0.1 * si.schedules.Linear(steps),
    ).fit(train)  # fmt: skip


def read(rbm: Any, rows: tuple[Any, Any, Any, Any]) -> None:
    """Print the error of logistic regression of a machine's features."""
    train, labels, test, truth = rows
    seen, unseen = rbm.transform(train), rbm.transform(test)
    strength = chosen(seen, labels)
    model = reader(strength).fit(seen, labels)
    line(f"logistic regression on {seen.shape[1]} features, C = {strength}: test error, %", wrong(model, unseen, truth), "<= 1.9")


def features(hidden: int, passes: int) -> None:
    rows = digits()
    began = time.process_time()
    rbm = machine_of(rows[0], hidden, passes)
    line(f"784-{hidden}, {passes} passes of CD-1: CPU seconds", time.process_time() - began)
    read(rbm, rows)
    line("  CPU seconds in all", time.process_time() - began)


def dbn(passes: int, tuning: int, seconds: float) -> None:
    train, labels, test, truth = digits()
    began, chance = time.process_time(), np.random.default_rng(0)
    machine = si.RBM(1, n_iter=passes, batch_size=100, progress=False)
    network = si.DBN(SIZES, machine, n_iter=1, batch_size=100, random_state=0, progress=False).fit(train)
    line(f"784-500-500-2000, {passes} passes a layer: CPU seconds", time.process_time() - began)
    shares = 0.9 * np.eye(10)[labels] + 0.01
    for done in range(tuning):
        order = chance.permutation(len(train))
        kept = chance.random(train.shape, dtype=np.float32) < 0.85
        rate = 1e-3 * 0.5 * (1.0 + np.cos(np.pi * done / tuning))
        network.set_params(rule=si.optim.Adam(float(rate)))
        network.fine_tune((train * kept)[order], shares[order])
        spent = time.process_time() - began
        what = f"{done + 1:3d} of {tuning} passes of backpropagation, {spent:5.0f} CPU s: test error, %"
        line(what, wrong(network, test, truth), "<= 1.3")
        if spent > seconds:
            break


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["features", "dbn"], help="features, dbn")
    parser.add_argument("--hidden", type=int, default=1500, help="features")
    parser.add_argument("--passes", type=int, help="over the rows, of every machine")
    parser.add_argument("--tuning", type=int, default=16, help="passes of backpropagation")
    parser.add_argument("--seconds", type=float, default=3600.0, help="CPU time after which backpropagation ends")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - {"features", "dbn"}:
        parser.error(f"no part {', '.join(sorted(unknown))}; there are features and dbn")
    with threadpool_limits(1):
        if "features" in asked.parts:
            features(asked.hidden, asked.passes or 8)
        if "dbn" in asked.parts:
            dbn(asked.passes or 4, asked.tuning, asked.seconds)


if __name__ == "__main__":
    main()
