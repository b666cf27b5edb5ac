"""Bad input at every front door: a clear error of ours that names the culprit, before anything compiles or is loaded."""

import gzip
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sparse

import stochinf as si
from stochinf.engine import cache

NAN, INF = np.nan, np.inf
COIN = si.models.CoinBias(62, 38)
X = np.random.default_rng(0).normal(size=(20, 3))
Y = np.tile([-1, 1], 10)
PAIR = si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]])
CERTAIN = si.FactorGraph([2, 2], [(0,), (0, 1)], [[0, 1], [1, 1, 1, 1]])
Case = tuple[Callable[[], Any], str]


def draw(**arguments: Any) -> Callable[[], Any]:
    """Draw from the coin with an argument that breaks a rule."""
    return lambda: si.sample(COIN, **{"draws": 10, "warmup": 5, "chains": 2, "rng": 0, **arguments})


def go(**arguments: Any) -> Callable[[], Any]:
    """Run Metropolis on the coin."""
    return lambda: si.run(si.mcmc.Metropolis(), COIN, **{"steps": 10, "rng": 0, **arguments})


def descend(rule: Any = "auto", **arguments: Any) -> Callable[[], Any]:
    """Minimise a small logistic regression."""
    return lambda: si.minimize(si.models.LogisticRegression(X, Y, l2=1e-3), rule, **{"rng": 0, **arguments})


def logistic(features: Any, labels: Any = Y, **arguments: Any) -> Callable[[], Any]:
    return lambda: si.models.LogisticRegression(features, labels, **arguments)


def graph(*arguments: Any, **named: Any) -> Callable[[], Any]:
    return lambda: si.FactorGraph(*arguments, **named)


def infer(evidence: Any = None, model: Any = PAIR, **arguments: Any) -> Callable[[], Any]:
    return lambda: si.marginals(model, evidence, **{"rng": 0, "method": "gibbs", **arguments})


def network(h: Any = 0.1, J: Any = 0.3, kind: Any = nx.Graph) -> Callable[[], Any]:
    """Two spins from networkx."""
    made = kind()
    made.add_node("a", h=h)
    made.add_edge("a", "b", J=J)
    return lambda: si.FactorGraph.from_networkx(made)


def edges(kind: Any, *pairs: tuple[Any, Any]) -> Callable[[], Any]:
    return lambda: si.FactorGraph.from_networkx(kind(list(pairs)))


def machine(rows: Any = None, **arguments: Any) -> Callable[[], Any]:
    return lambda: si.RBM(**{"random_state": 0, **arguments}).fit(np.eye(4) if rows is None else rows)


def written(name: str, content: bytes | str, use: Callable[[str], Any]) -> Callable[[], Any]:
    """Use a file of a name and a content."""

    def make() -> Any:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            return use(str(path))

    return make


def model(text: bytes | str, name: str = "m.uai") -> Callable[[], Any]:
    return written(name, text, si.read_graph)


def observed(text: str) -> Callable[[], Any]:
    return written("m.uai.evid", text, lambda path: si.read_evidence(path, PAIR))


def hostile_rows() -> Any:
    rows = sparse.csr_array(X)
    rows.indices[0] = 100
    return rows


def with_nan() -> Any:
    rows = X.copy()
    rows[3, 1] = NAN
    return rows


COUNTS: dict[str, Case] = {
    "zero draws": (draw(draws=0), "draws = 0: a whole number of at least 1"),
    "negative draws": (draw(draws=-1), "draws = -1"),
    "half a draw": (draw(draws=1.5), r"draws = 1\.5: a whole number"),
    "draws as text": (draw(draws="10"), "draws = '10'"),
    "draws as a bool": (draw(draws=True), "draws = True"),
    "endless draws": (draw(draws=None), "draws = None: nothing would end"),
    "10^15 draws": (draw(draws=10**15), "draws of 1 numbers in 2 chains"),
    "zero chains": (draw(chains=0), "chains = 0"),
    "10^9 chains": (draw(chains=10**9), "1000000000 chains"),
    "negative warm-up": (draw(warmup=-1), "warmup = -1"),
    "thin 0": (draw(thin=0), "thin = 0"),
    "zero threads": (draw(threads=0), "threads = 0"),
    "threads as a bool": (draw(threads=True), "threads = True"),
    "thinner than the run": (go(thin=20), "thin = 20: more than steps = 10"),
    "zero steps": (go(steps=0), "steps = 0"),
    "endless steps": (go(steps=None), "nothing would end this run"),
}

ARGUMENTS: dict[str, Case] = {
    "negative seed": (draw(rng=-1), "rng = -1: a seed is not negative"),
    "seed as text": (draw(rng="a"), "rng = 'a'"),
    "seed as a fraction": (draw(rng=0.5), r"rng = 0\.5"),
    "seed of nothing": (draw(rng=[]), r"rng = \[\]"),
    "legacy generator": (draw(rng=np.random.RandomState(0)), "rng = RandomState"),
    "no target": (lambda: si.sample(None), "target None: a NoneType is no model"),
    "target a class": (lambda: si.sample(si.models.CoinBias), "target .*CoinBias.* is no model"),
    "target a function": (lambda: si.sample(abs), "target .*abs.* is no model"),
    "a graph has no density": (lambda: si.sample(PAIR), "Metropolis needs log_density of its target, and SpinGraph has none"),
    "kernel a class": (draw(kernel=si.mcmc.Metropolis), "kernel .*Metropolis.*make an instance"),
    "kernel as text": (draw(kernel="nuts"), "kernel = 'nuts'"),
    "kernel without gradient": (draw(kernel=si.mcmc.SGLD(0.1)), "needs gradient of its target, and CoinBias has none"),
    "swapped": (lambda: si.run(COIN, si.mcmc.Metropolis(), steps=5), "CoinBias: a kernel needs the method init"),
    "start NaN": (draw(init=[NAN]), "init: nan given; starting positions are finite"),
    "start of text": (draw(init="a"), "init: numbers are needed"),
    "start of objects": (draw(init=np.array([None])), "init: numbers are needed, not object"),
    "ragged start": (draw(init=[[0.0], [1.0, 2.0]]), "init: the rows have unequal lengths"),
    "starts for other chains": (draw(init=np.zeros((3, 1))), "init: 3 rows given for 2 chains"),
    "start too deep": (draw(init=np.zeros((2, 1, 1))), r"init: shape \(2, 1, 1\)"),
    "start of another dimension": (draw(init=[0.0, 1.0]), "a starting position of 2 numbers given, 1 needed"),
    "stop a number": (draw(stop=5), "stop = 5: a rule"),
    "executor a number": (draw(executor=4), "executor = 4"),
    "callback a number": (draw(callback=4), "callback = 4"),
    "progress as text": (draw(progress="yes"), "progress = 'yes'"),
    "checkpoint a number": (draw(checkpoint=3), "checkpoint = 3"),
    "checkpoint every -1 seconds": (draw(checkpoint=("run.npz", -1)), r"checkpoint = \('run.npz', -1\)"),
    "checkpoint nowhere": (draw(checkpoint=""), "'': the path of a file is needed"),
    "observer a class": (go(observer=si.observers.Draws), "observer .*Draws"),
    "observers in a list": (go(observer=[si.observers.Draws()]), "observer .*: a NamedTuple part"),
    "half an observer": (go(observer=si.observers.Both(si.observers.Draws(), None)), "observer None"),
    "counts of no state": (lambda: si.observers.Counts(0), "Counts: states = 0"),
    "counts of 10^12 states": (lambda: si.observers.Counts(10**12), "counts by 1000000000000 states"),
    "nothing to judge by": (go(observer=si.observers.Moments(), stop=si.stop.converged()), "Moments keeps no draws"),
    "no certificate": (go(stop=si.stop.tolerance(1e-3)), "stop.tolerance: CoinBias has no certificate"),
}

PARTS: dict[str, Case] = {
    "picker a class": (go(picker=si.pickers.Scan), "picker .*Scan"),
    "picker as text": (go(picker="scan"), "picker 'scan'"),
    "points unknown": (go(picker=si.pickers.Uniform()), "Uniform: 0 points to pick from"),
    "-1 points": (go(picker=si.pickers.Uniform(-1)), "Uniform: -1 points"),
    "too many points": (descend(picker=si.pickers.Scan(100)), "Scan: n = 100, and LinearTarget has 20 points"),
    "negative weights": (go(picker=si.pickers.Weighted([1.0, -1.0])), r"weights array\(\[ 1\., -1\.\]\)"),
    "zero weights": (go(picker=si.pickers.Weighted([0.0, 0.0])), "weights"),
    "NaN weights": (go(picker=si.pickers.Weighted([NAN, 1.0])), "weights.*nan"),
    "weights for other points": (descend(picker=si.pickers.Weighted([1.0, 2.0])), "Weighted: 2 weights given, 20 needed"),
    "batch of none": (descend(picker=si.pickers.Minibatches(0)), "Minibatches: a batch of 0"),
    "batch of too many": (descend(picker=si.pickers.Minibatches(21)), "Minibatches: a batch of 21 from 20 points"),
    "half a batch": (lambda: si.pickers.Minibatches(2.5), r"Minibatches.batch = 2\.5: an integer"),
    "batches for one site": (
        lambda: si.run(si.graphs.Gibbs(), PAIR, steps=2, picker=si.pickers.Minibatches(2)),
        "Minibatches: batches of points, and LatticeGibbs takes one point a step",
    ),
    "no colours": (go(picker=si.pickers.Colours()), "Colours: CoinBias has no colours"),
    "no score": (go(picker=si.pickers.Greedy(1)), "Greedy: Metropolis has no score"),
    "curriculum of no step": (descend(picker=si.pickers.Curriculum(np.ones(20), 0)), "Curriculum: 0 steps"),
    "schedule a class": (draw(schedule=si.schedules.Linear), "schedule .*Linear.*: a finite number or a schedule"),
    "schedule NaN": (draw(schedule=NAN), "schedule nan"),
    "schedule negative": (draw(schedule=-1.0), r"schedule -1\.0"),
    "horizon 0": (lambda: si.schedules.Linear(0), r"Linear\(horizon=0.*horizon must be positive"),
    "rate NaN": (lambda: si.schedules.Linear(10, NAN), "initial must be finite"),
    "growing without end": (lambda: si.schedules.Exponential(2.0), "0 < decay <= 1 is needed"),
    "rates that sum": (lambda: si.schedules.RobbinsMonro(p=2), "1/2 < p <= 1"),
    "scheduled text": (lambda: si.schedules.Linear(10) * "a", "schedule 'a'"),
    "stop after 0 steps": (lambda: si.stop.steps(0), "stop.steps: n = 0"),
    "stop at infinity": (lambda: si.stop.steps(INF), "stop.steps: n = inf"),
    "endless epochs": (lambda: si.stop.epochs(INF), r"stop.epochs\(inf\)"),
    "negative seconds": (lambda: si.stop.seconds(-1), r"stop.seconds\(-1\)"),
    "tolerance NaN": (lambda: si.stop.tolerance(NAN), r"stop.tolerance\(nan\)"),
    "R-hat below 1": (lambda: si.stop.converged(rhat=0.9), r"rhat = 0\.9; a number above 1"),
    "stop or a number": (lambda: si.stop.steps(3) | 3, "stop: 3 is no rule to combine"),
    "step size 0": (draw(kernel=si.mcmc.SGLD), "make an instance"),
    "negative step size": (lambda: si.mcmc.Metropolis(np.float32(-1)), "Metropolis: step_size = .*-1"),
    "acceptance 2": (lambda: si.mcmc.Metropolis(target_acceptance=2), r"target_acceptance = 2\.0"),
    "SGLD rate as text": (lambda: si.mcmc.SGLD("fast"), "SGLD: step_size = 'fast'"),
    "learning rates": (lambda: si.optim.SGD([0.1]), r"SGD: learning_rate = \[0\.1\]"),
    "momentum 2": (lambda: si.optim.momentum(2.0), r"2\.0"),
    "empty chain": (lambda: si.optim.chain(), "chain"),
    "rule as text": (descend("adam"), "rule = 'adam'"),
    "rule a class": (descend(si.optim.SGD), "make an instance"),
    "start of 4 for 3": (descend(x0=np.zeros(4)), "4"),
    "two starts": (descend(x0=np.zeros((1, 3))), r"x0: shape \(1, 3\)"),
    "a function to minimise": (lambda: si.minimize(lambda x: x @ x), "is no model"),
    "a model without gradient": (lambda: si.minimize(COIN), "SGD needs gradient of its target, and CoinBias has none"),
}

MODELS: dict[str, Case] = {
    "negative heads": (lambda: si.models.CoinBias(-1, 3), r"CoinBias: -1\.0 heads"),
    "NaN heads": (lambda: si.models.CoinBias(NAN, 3), "CoinBias: nan heads"),
    "heads as text": (lambda: si.models.CoinBias("a", 3), "CoinBias.heads = 'a'"),
    "many heads": (lambda: si.models.CoinBias([1, 2], 3), r"CoinBias.heads = \[1, 2\]"),
    "prior of 0": (lambda: si.models.CoinBias(1, 3, prior=(0, 1)), r"prior = \(0\.0, 1\.0\)"),
    "prior of three": (lambda: si.models.CoinBias(1, 3, prior=(1, 1, 1)), "2 numbers needed, 3 given"),
    "margin beyond": (lambda: COIN.probability_biased(NAN), "margin = nan"),
    "NaN feature": (logistic(with_nan()), r"X\[3, 1\] = nan"),
    "infinite feature in CSR": (logistic(sparse.csr_array(np.full((20, 1), INF))), r"X\[0, 0\] = inf"),
    "objects": (logistic(np.full((20, 3), None)), "X: real numbers are needed, not object"),
    "one row": (logistic(X[0]), r"X: shape \(3,\)"),
    "no rows": (logistic(np.zeros((0, 3)), []), r"X: shape \(0, 3\)"),
    "ragged rows": (logistic([[1, 2], [3]], [1, -1]), "X: the rows have unequal lengths"),
    "hostile CSR": (logistic(hostile_rows()), "X: not a valid sparse matrix"),
    "labels missing": (logistic(X, Y[:-1]), "y: 19 labels for 20 rows"),
    "one class": (logistic(X, np.ones(20)), "y: 1 different labels"),
    "three classes": (logistic(X, np.arange(20) % 3), "y: 3 different labels"),
    "label NaN": (logistic(X, np.where(Y > 0, NAN, 1.0)), r"y\[1\] = nan"),
    "negative penalty": (logistic(X, Y, l2=-1), "l2"),
    "no hidden units": (machine(n_components=0), "n_components = 0"),
    "no batch": (machine(batch_size=0), "batch_size = 0"),
    "no passes": (machine(n_iter=0), "n_iter = 0"),
    "no Gibbs step": (machine(k=0), "k = 0"),
    "algorithm unknown": (machine(algorithm="annealing"), "algorithm = 'annealing'"),
    "learning rate NaN": (machine(learning_rate=NAN), "learning_rate = nan"),
    "random state as text": (machine(random_state="a"), "random_state = 'a'"),
    "NaN pixel": (machine([[NAN, 1.0]]), "NaN"),
    "one picture": (machine([1.0, 0.0]), "2D array"),
    "no pictures": (machine(np.zeros((0, 3))), r"0 sample\(s\)"),
}

GRAPHS: dict[str, Case] = {
    "empty graph": (graph([], [], []), "empty graph"),
    "cardinality 0": (graph([0], [], []), "variable 0: 0 states"),
    "cardinality 10^9": (graph([10**9], [], []), "variable 0: 1000000000 states"),
    "cardinality a float": (graph([2.0], [], []), r"variable 0: 2\.0 states"),
    "cardinalities objects": (graph(np.array([2, None]), [], []), "variable 1: None states"),
    "no scopes": (graph([2], None, []), "scopes is None"),
    "negative weight": (graph([2], [(0,)], [[1, -1]]), r"factor 0 over \(0\): entry 1 .* is -1\.0"),
    "NaN weight": (graph([2], [(0,)], [[1, NAN]]), r"factor 0 over \(0\): entry 1 .* is nan"),
    "infinite weight": (graph([2], [(0,)], [[INF, 1]]), r"factor 0 over \(0\): entry 0 .* is inf"),
    "all-zero table": (graph([2], [(0,)], [[0, 0]]), r"factor 0 over \(0\): all entries are zero"),
    "table too long": (graph([2], [(0,)], [[1, 2, 3]]), "3 entries given, 2 needed"),
    "table transposed": (graph([2, 3], [(0, 1)], [np.ones((3, 2))]), r"shape \(3, 2\), needed \(2, 3\)"),
    "table of objects": (graph([2], [(0,)], [np.array([None, 1])]), "its table has dtype object"),
    "table masked": (graph([2], [(0,)], [np.ma.array([1.0, 2.0], mask=[0, 1])]), "its table has masked entries"),
    "2^40 entries": (graph([2] * 40, [tuple(range(40))], [[1.0]]), r"needs about 1\.1e\+12 entries"),
    "unknown variable": (graph([2], [(1,)], [[1, 2]]), "factor 0: variable 1 is not among the 1"),
    "variable twice": (graph([2], [(0, 0)], [[1, 2, 3, 4]]), "variable 0 appears twice"),
    "scope a number": (graph([2], [0], [[1, 2]]), "factor 0: its scope is 0"),
    "name twice": (graph([2, 2], [], [], names=["a", "a"]), "name 'a' is given twice"),
    "names a number": (graph([2], [], [], names=3), "names is 3"),
    "labels a number": (graph([2], [], [], states=[3]), "variable 0: labels 3 for 2 states"),
    "label twice": (graph([2], [], [], states=[["on", "on"]]), "a label appears twice"),
    "NaN coupling": (network(J=NAN), "edge .*J is nan"),
    "infinite field": (network(h=INF), "node 'a': h is inf"),
    "coupling as text": (network(J="strong"), "J is 'strong'"),
    "coupling beyond float32": (lambda: si.marginals(network(J=1e39)(), rng=0, method="gibbs"), r"variable 'a': .* 1e\+39"),
    "edge twice": (edges(nx.MultiGraph, (0, 1), (0, 1)), "MultiGraph|twice|parallel"),
    "loop": (edges(nx.Graph, (0, 0)), "0"),
    "directed": (edges(nx.DiGraph, (0, 1), (1, 0)), "DiGraph|directed"),
    "no nodes": (edges(nx.Graph), "empty graph"),
    "no graph": (lambda: si.FactorGraph.from_networkx({0: [1]}), "dict"),
    "a path for a graph": (infer(model="model.uai"), r"not str; files are read by read_graph\(path\)"),
    "evidence of a stranger": (infer({"q": 1}), "evidence: variable 'q' is not among the 2"),
    "state unknown": (infer({0: 2}), "variable 0 has no state 2; its states are 0, 1"),
    "state a list": (infer({0: [1]}), r"variable 0: likelihoods \[1\]; give 2 numbers"),
    "evidence a list": (infer([(0, 1)]), "evidence is a list"),
    "evidence impossible": (infer({0: 0}, model=CERTAIN), r"evidence {0: 0} is impossible: factor 0 over \(0\)"),
    "method unknown": (infer(method="magic"), "method = 'magic'"),
    "no lanes": (infer(chains=0), "chains = 0"),
    "no sweeps": (infer(draws=0), "draws = 0"),
    "negative time": (infer(time=-1), "-1"),
    "threads 0 for a graph": (infer(threads=0), "threads = 0"),
    "warm-up -1 for a graph": (infer(warmup=-1), "warmup = -1"),
    "stop a number for a rule": (descend(stop=10), "stop = 10"),
    "mcse 0": (infer(mcse=0), "mcse"),
    "node unknown": (lambda: si.marginals(PAIR, {0: 0, 1: 1})["q"], "no variable 'q'"),
}

FILES: dict[str, Case] = {
    "no file": (lambda: si.read_graph("missing.uai"), "missing.uai: the file cannot be read"),
    "no path": (lambda: si.read_graph(None), "None is no path"),
    "suffix unknown": (lambda: si.read_graph("model.txt"), "no model format of that suffix"),
    "a folder": (lambda: _folder(si.read_graph), "cannot be read"),
    "empty file": (model(""), "the file ends within MARKOV or BAYES"),
    "cut off": (model("MARKOV 2 2 2 1 2 0 1 4 1 2"), "the file ends within the table of factor 0"),
    "kind unknown": (model("MARKOW 1 2 0"), "'MARKOW'"),
    "cardinality of 0 in a file": (model("MARKOV 1 0 0"), "variable 0 has 0 states"),
    "cardinality of 10^9 in a file": (model("MARKOV 1 1000000000 0"), "variable 0 has 1000000000 states"),
    "10^18 variables": (model("MARKOV 1000000000000000000 2"), "the number of variables is 1000000000000000000"),
    "variable unknown to a file": (model("MARKOV 1 2 1 1 7 2 1 1"), "factor 0 names variable 7"),
    "weight NaN in a file": (model("MARKOV 1 2 1 1 0 2 nan 1"), "line 1: 'nan'"),
    "weight negative in a file": (model("MARKOV 1 2 1 1 0 2 -1 1"), r"is -1\.0"),
    "words too many": (model("MARKOV 1 2 1 1 0 2 1 1 5"), "1 words too many"),
    "bytes": (model(b"\x00\xff\xfe"), "m.uai, line 1"),
    "gzip cut off": (model(gzip.compress(b"MARKOV 1 2 0")[:-9], "m.uai.gz"), "damaged gzip file"),
    "evidence file of a stranger": (observed("1 7 0"), "7"),
    "evidence file of another state": (observed("1 0 5"), "5"),
    "evidence without its graph": (lambda: si.read_evidence("m.uai.evid", None), "graph is None"),
    "no checkpoint": (lambda: si.resume("missing.npz"), "missing.npz: there is no such file"),
    "checkpoint None": (lambda: si.load(None), "None: the path of a file"),
    "checkpoint of text": (written("run.npz", "not a run", si.load), "run.npz: not a saved run, or damaged"),
    "checkpoint cut off": (written("run.npz", b"PK\x03\x04" + bytes(40), si.resume), "run.npz: not a saved run, or damaged"),
    "no folder to save in": (draw(checkpoint="missing/run.npz"), r"missing/run.npz: .* \(there is no such folder\)"),
    "a folder to save as": (draw(checkpoint="."), r"'\.': the path of a file"),
}

CASES = {**COUNTS, **ARGUMENTS, **PARTS, **MODELS, **GRAPHS, **FILES}


def _folder(use: Callable[[str], Any]) -> Any:
    with tempfile.TemporaryDirectory(suffix=".uai") as folder:
        return use(folder)


@pytest.fixture
def nothing_compiled() -> Iterator[None]:
    """Demand that neither the compiler nor the cache was asked."""
    before = dict(cache.statistics)
    yield
    assert dict(cache.statistics) == before


def test_the_table_is_long():
    assert len(CASES) == sum(map(len, (COUNTS, ARGUMENTS, PARTS, MODELS, GRAPHS, FILES))) >= 60


@pytest.mark.fast
@pytest.mark.parametrize("case", CASES)
@pytest.mark.usefixtures("nothing_compiled")
def test_bad_input(case):
    attempt, message = CASES[case]
    with pytest.raises((si.StochinfError, KeyError) if case == "node unknown" else si.StochinfError, match=message):
        attempt()


@pytest.mark.fast
def test_unfitted_machines_say_so_as_scikit_learn_does():
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError, match="RBM"):
        si.RBM().transform(np.eye(3))
    with pytest.raises((TypeError, ValueError), match="object"):
        si.RBM().fit(np.array([[object()]]))


def test_nothing_compiles_in_a_fresh_process(tmp_path):
    """Where no earlier test has compiled anything, not one of the cases does."""
    code = (
        "import test_bad_input as bad\n"
        "for case, (attempt, _) in bad.CASES.items():\n"
        "    try:\n        attempt()\n"
        "    except (bad.si.StochinfError, KeyError):\n        pass\n"
        "    assert bad.cache.statistics == {'hits': 0, 'misses': 0, 'seconds': 0.0}, case\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "STOCHINF_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert [str(path) for path in tmp_path.iterdir()] in ([], [str(tmp_path / "cache")])
