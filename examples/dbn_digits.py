"""A deep belief network on few labels, and a small student that learns from it: `python examples/dbn_digits.py`.

Transfer: the machines learn scikit-learn's digits without labels, and then 100 of them with labels tune the network; the same
network from random weights sees these 100 alone. Teacher and student: a student with a tenth of the weights learns what the
teacher thinks of all digits, in shares of classes, and no label itself.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import stochinf as si


def network(sizes: tuple[int, ...], passes: int, tuning: int) -> Any:
    machine = si.RBM(1, n_iter=passes, batch_size=20, learning_rate=0.05, progress=False)
    return si.DBN(sizes, machine, n_iter=tuning, batch_size=20, rule=si.optim.Adam(2e-3), random_state=0, progress=False)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passes", type=int, default=30, help="over the digits without labels")
    parser.add_argument("--tuning", type=int, default=60, help="passes over those with labels")
    asked = parser.parse_args(words)
    X, y = load_digits(return_X_y=True)
    train, test, labels, truth = train_test_split((X / 16.0).astype(np.float32), y, test_size=0.3, random_state=0)
    few = slice(0, 100)

    transferred = network((200, 100), asked.passes, asked.tuning).fit(train).fine_tune(train[few], labels[few])
    alone = network((200, 100), 1, asked.tuning)
    alone.rbm.set_params(learning_rate=1e-9)
    alone.fit(train[few], labels[few])
    print(
        f"accuracy with {len(labels[few])} labels: {transferred.score(test, truth):.3f} after learning without labels,", end=" "
    )
    print(f"{alone.score(test, truth):.3f} from random weights")

    teacher = network((200, 100), asked.passes, asked.tuning).fit(train, labels)
    student = network((50,), asked.passes, asked.tuning).fit(train, teacher.predict_proba(train).astype(float))
    weights = [sum(w.size + b.size for w, b in model.layers_) for model in (teacher, student)]
    print(f"teacher: {teacher.score(test, truth):.3f} with {weights[0]:,} numbers;", end=" ")
    print(f"student: {float((student.predict(test) == truth).mean()):.3f} with {weights[1]:,}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
