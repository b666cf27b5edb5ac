"""Partition functions, likelihoods and most probable states of trained and of random machines, with the time they take.

The data (`pgmax/*.npz`, `mnist/*.npz`) are read from the folder in the environment variable STOCHINF_RBM_DATA; `stochastic` also
needs the grey digits there, `mnist/train-images-idx3-ubyte.gz` as LeCun published them. Run
`python benchmarks/likelihood.py [ais] [ends] [tempering] [third] [map24] [map200] [small] [train] [stochastic] [long]`; `third`,
`train`, `stochastic` and `long` take minutes.
"""

from __future__ import annotations

import gzip
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import stochinf as si

PASSES, MANY = 40, 300
"""Over fresh draws, and in a long run."""
DATA = Path(os.environ.get("STOCHINF_RBM_DATA", "data/rbm"))


def line(what: str, value: Any, target: str = "") -> None:
    print(f"{what:74s} {value:>12}   {target}", flush=True)


def timed(function: Any) -> tuple[Any, float]:
    began = time.process_time()
    return function(), time.process_time() - began


def digits() -> tuple[Any, Any]:
    packed = np.load(DATA / "mnist" / "mnist_bin127_packbits.npz")
    return tuple(np.unpackbits(packed[name], axis=1).astype(np.float32) for name in ("train", "test"))  # type: ignore[return-value]


def grey_digits() -> Any:
    """Return the chances that pixels are on: the grey values of the 60,000 training digits; None where they are not there."""
    file = DATA / "mnist" / "train-images-idx3-ubyte.gz"
    if not file.exists():
        return None
    values = np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8, offset=16)
    return values.reshape(-1, 784).astype(np.float32) / np.float32(255.0)


def third_party(train: Any) -> Any:
    """Return the RBM that PGMax ships, 784 by 500, trained on thresholded digits."""
    arrays = np.load(DATA / "pgmax" / "rbm_mnist.npz")
    rbm = si.RBM.from_arrays(arrays["W"], arrays["bv"], arrays["bh"])
    rbm.visible_mean_ = train.mean(axis=0)
    return rbm


def floor(steps: int) -> float:
    """CPU seconds of the two matrix products of every temperature alone."""
    rng = np.random.default_rng(0)
    v, w = (rng.random(shape, dtype=np.float32) for shape in ((100, 784), (784, 500)))
    h, back = np.empty((100, 500), np.float32), np.empty((100, 784), np.float32)

    def multiply() -> None:
        for _ in range(steps):
            np.dot(v, w, h)
            np.dot(h, w.T, back)

    return timed(multiply)[1]


def ais() -> None:
    train, test = digits()
    rbm = third_party(train)
    rbm.log_partition("ais", temperatures=10, rng=0)
    least = 14_500 / 500 * min(floor(500) for _ in range(3))
    z, took = timed(lambda: rbm.log_partition("ais", temperatures="literature", reverse=False, rng=0))
    line("784x500, 100 particles x 14,500 temperatures: CPU s", f"{took:.1f}", "target <= 40")
    line("  over the matrix products alone", f"{took / least:.2f}")
    line("  log Z, ESS, spread", f"{z.value:.2f} {z.ess:.1f} {z.spread:.2f}")
    line("  test log likelihood by it (thresholded digits)", f"{rbm.log_likelihood(test, partition=z).value:.2f}")


def ends() -> None:
    rbm = third_party(digits()[0])
    for seed in range(2):
        z = rbm.log_partition("ais", temperatures=5000, rng=seed)
        line(f"784x500, both ends, 5,000 temperatures, seed {seed}", f"{z.value:.2f} {z.reverse:.2f}", f"mcse {z.mcse:.2f}")


def tempering() -> None:
    rbm, values = third_party(digits()[0]), []
    for seed in range(2):
        z, took = timed(lambda seed=seed: rbm.log_partition("tempering", rungs=48, sweeps=10_000, rng=seed))
        values.append(z.value)
        line(
            f"784x500, tempering, seed {seed}: log Z +- mcse, CPU s",
            f"{z.value:.2f}",
            f"+- {z.mcse:.2f}, {took:.0f} s, {z.reason}",
        )
    line("  two seeds apart, nats", f"{abs(values[0] - values[1]):.2f}", "target <= 0.3")


def third() -> None:
    """Take the best method offered on a machine that others trained: its base-rate model is that of the machine's own chains."""
    train, test = digits()
    rbm, values = third_party(train), []
    rbm.log_partition("tempering", sweeps=8, rng=0)
    for seed in range(2):
        z, took = timed(lambda seed=seed: rbm.log_partition("tempering", rng=seed))
        values.append(z.value)
        line(
            f"784x500, trained by others, tempering, seed {seed}: log Z, mcse, CPU s",
            f"{z.value:.3f}",
            f"+- {z.mcse:.3f}, {took:.0f} s",
        )
        print(f"  {z.method}: {z.reason}; warnings: {z.warnings or 'none'}")
        line("  test log likelihood (thresholded digits)", f"{rbm.log_likelihood(test, partition=z).value:.2f}")
    line("  two seeds apart, nats", f"{abs(values[0] - values[1]):.3f}", "target <= 0.3")


def random_machines(units: int) -> list[Any]:
    """Return the random RBMs of PGMax's benchmark with so many units."""
    file = np.load(DATA / "pgmax" / "map_benchmark_rbms.npz", allow_pickle=False)
    names = sorted(name.removeprefix("W_") for name in file.files if name.startswith(f"W_{units}_"))
    return [si.RBM.from_arrays(file[f"W_{name}"], file[f"bv_{name}"], file[f"bh_{name}"]) for name in names]


def best_energy(rbm: Any) -> float:
    """Return the least energy, by listing the hidden states: given these each visible unit takes its better value."""
    h = si.rbm.Bernoulli().states(len(rbm.hidden_bias_))
    return float(-(h @ rbm.hidden_bias_ + np.maximum(h @ rbm.weights_ + rbm.visible_bias_, 0.0).sum(axis=1)).max())


def recorded(units: int, n: int) -> float:
    """Return the mean energy of the best that PGMax found on the first n machines, on two processors."""
    file = np.load(DATA / "pgmax" / "map_benchmark_rbms.npz", allow_pickle=False)
    columns, results = list(file["columns"]), file["results"]
    rows = results[(results[:, 0] == units) & (results[:, 1] < n)]
    theirs = [columns.index(f"pgmax_{where}_num_iters_200_batch_size_1:energy") for where in ("cpu", "gpu")]
    return float(rows[:, theirs].min(axis=1).mean())


def search(units: int, seconds: float | None) -> None:
    machines = random_machines(units)
    graphs = [rbm.to_factor_graph() for rbm in machines]
    si.map_state(graphs[0], time=seconds, rng=0, threads=1)
    found = [timed(lambda graph=graph: si.map_state(graph, time=seconds, rng=0, threads=1)) for graph in graphs]
    energies = [-answer.log_score for answer, _ in found]
    if units == 24:
        exact = sum(abs(energy - best_energy(rbm)) < 1e-3 for energy, rbm in zip(energies, machines, strict=True))
        line(f"{units} units: most probable states that are exact, of {len(machines)}", exact, "target all")
    theirs = recorded(units, len(machines))
    line(f"{units} units: mean energy of {len(machines)} machines", f"{np.mean(energies):.2f}", f"PGMax's best {theirs:.2f}")
    line(f"{units} units: CPU s each", f"{np.mean([took for _, took in found]):.2f}", "target <= 0.6 at 200 units")


def learner(passes: int, **settings: Any) -> Any:
    """Return a machine of 500 hidden units to be trained by PCD-1, the rate falling to zero."""
    rate = si.schedules.RobbinsMonro(200.0, 500.0, 1.0) * si.schedules.Linear(passes * 600)
    return si.RBM(
        500, algorithm="pcd", k=1, n_iter=passes, batch_size=100, learning_rate=rate, random_state=0, progress=False, **settings
    )


def ready(rows: Any, **settings: Any) -> None:
    """Load or compile what training takes, so that no time counts it."""
    si.RBM(settings.pop("n_components", 500), n_iter=1, learning_rate=0.01, random_state=0, progress=False, **settings).fit(
        rows[:200]
    )


def judged(rbm: Any, test: Any, temperatures: int, digits: str, target: str, particles: int = 100) -> None:
    """Print the test log likelihood by annealing, and how far to trust it."""
    z, took = timed(lambda: rbm.log_partition("ais", particles=particles, temperatures=temperatures, reverse=False, rng=0))
    answer = rbm.log_likelihood(test, partition=z)
    line(f"  test log likelihood ({digits})", f"{answer.value:.2f}", target)
    line(
        f"  ESS of {particles}, {temperatures:,} temperatures, mcse, CPU s",
        f"{z.ess:.0f} {z.mcse:.2f} {took:.0f}",
        "target ESS > 30",
    )


def train() -> None:
    rows, test = digits()
    ready(rows)
    rbm, took = timed(lambda: learner(20).fit(rows))
    line("784x500, 20 passes of PCD-1: CPU s", f"{took:.0f}")
    judged(rbm, test, 150_000, "thresholded digits", "target >= -76.5", particles=200)


def stochastic(passes: int = PASSES) -> None:
    """Fresh draws of the grey digits for training, one published draw for testing."""
    rows = grey_digits()
    if rows is None:
        print(f"stochastic: skipped, no {DATA / 'mnist' / 'train-images-idx3-ubyte.gz'}")
        return
    test = np.unpackbits(np.load(DATA / "mnist" / "mnist_sampled_fixed_packbits.npz")["test"], axis=1).astype(np.float32)
    ready(rows, binarise="sample")
    rbm, took = timed(lambda: learner(passes, binarise="sample").fit(rows))
    line(f"784x500, {passes} passes of PCD-1 over fresh draws: CPU s", f"{took:.0f}", "target <= 600" if passes == PASSES else "")
    judged(rbm, test, 30_000, "sampled digits, fixed file", "target >= -90" if passes == PASSES else "CD-25, published: -86.34")


def small() -> None:
    """16 hidden units, so that log Z is exact; the flipped digits are learnt as well as the digits."""
    values = []
    for name, (rows, test) in {"digits": digits(), "flipped": tuple(1.0 - part for part in digits())}.items():
        rate = 0.2 * si.schedules.Linear(20 * 600)
        ready(rows, n_components=16)
        made = si.RBM(16, learning_rate=rate, random_state=0, progress=False)
        rbm, took = timed(lambda made=made, rows=rows: made.fit(rows))
        values.append(rbm.log_likelihood(test, partition=rbm.log_partition("exact")).value)
        line(
            f"784x16, 20 passes of PCD-1 in {took:.0f} CPU s, {name}: exact test log likelihood", f"{values[-1]:.2f}", ">= -142.6"
        )
    line("  digits and flipped digits, nats apart", f"{abs(values[0] - values[1]):.2f}", "target <= 1")


def main(*asked: str) -> None:
    parts = {
        "ais": ais, "ends": ends, "map24": lambda: search(24, None), "map200": lambda: search(200, 0.4),
        "long": lambda: stochastic(MANY), "small": small, "stochastic": stochastic, "tempering": tempering,
        "third": third, "train": train,
    }  # fmt: skip
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", si.ConvergenceWarning)
        for name in asked or ("ais", "ends", "map24", "map200"):
            parts[name]()


if __name__ == "__main__":
    main(*sys.argv[1:])
