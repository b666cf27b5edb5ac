"""The estimator's training: kinds of units, resuming, files, monitors, starts, weights, wrong settings."""

import numpy as np
import pytest
from scipy.sparse import csr_array

import stochinf as si
from stochinf.engine.checkpoint import class_name
from stochinf.engine.parts import is_part
from stochinf.rbm.saving import find
from stochinf.rbm.settings import kernel_of

DATA = np.repeat([[0, 0, 1.0, 1.0], [1, 1, 0, 0], [1, 0, 1, 0]], 20, axis=0)


def trained(passes: int = 6, **settings) -> si.RBM:
    given = {"n_iter": passes, "batch_size": 8, "random_state": 0, "n_chains": 5, "learning_rate": 0.1, "momentum": 0.5}
    return si.RBM(3, **{**given, **settings})


def same(a: si.RBM, b: si.RBM) -> bool:
    pairs = zip(a._carry.arrays.items(), b._carry.arrays.items(), strict=True)
    return all(one[0] == other[0] and np.array_equal(one[1], other[1]) for one, other in pairs)


@pytest.mark.parametrize("settings", [{}, {"algorithm": "cd"}], ids=str)
def test_a_saved_machine_goes_on_to_the_bit(settings, tmp_path) -> None:
    whole = trained(**settings).fit(DATA)
    trained(3, **settings).fit(DATA).save(tmp_path / "machine.npz")
    later = si.RBM.load(tmp_path / "machine.npz")
    assert later.set_params(n_iter=6, warm_start=True).fit(DATA).n_iter_ == 6
    assert np.array_equal(whole.weights_, later.weights_)
    assert same(whole, later)
    chunks = [trained(**settings).partial_fit(DATA) for _ in range(2)]
    chunks[0].save(tmp_path / "chunk.npz")
    assert same(si.RBM.load(tmp_path / "chunk.npz").partial_fit(DATA[:30]), chunks[1].partial_fit(DATA[:30]))
    with pytest.raises(si.StochinfError, match="6 passes are done"):
        later.fit(DATA)


@pytest.mark.fast
def test_files_may_name_every_schedule() -> None:
    parts = [getattr(si.schedules, name) for name in si.schedules.__all__]
    named = [part for part in parts if is_part(part)]
    assert len(named) > 10
    assert all(find(class_name(part)) is part for part in named)


def test_a_machine_with_a_falling_rate_is_saved(tmp_path) -> None:
    rate = 0.1 * si.schedules.Linear(40)
    half = trained(3, learning_rate=rate).fit(DATA)
    half.save(tmp_path / "machine.npz")
    later = si.RBM.load(tmp_path / "machine.npz").set_params(n_iter=6, warm_start=True).fit(DATA)
    assert same(trained(learning_rate=rate).fit(DATA), later)


def test_optimisers_keep_their_memories_and_learn(tmp_path) -> None:
    rule = si.optim.Adam(0.02)
    whole = trained(algorithm="cd", optimizer=rule, momentum=0.0, learning_rate=None, clip=5.0).fit(DATA)
    half = trained(3, algorithm="cd", optimizer=rule, momentum=0.0, learning_rate=None, clip=5.0).fit(DATA)
    half.save(tmp_path / "machine.npz")
    later = si.RBM.load(tmp_path / "machine.npz").set_params(n_iter=6, warm_start=True).fit(DATA)
    assert same(whole, later)
    assert whole.score(DATA) > half.score(DATA) > si.RBM(3, n_iter=1, random_state=0).fit(DATA).score(DATA)


UNITS = [
    (("bernoulli", "spin"), DATA),
    pytest.param(("spin", "gaussian"), 2 * DATA - 1, marks=pytest.mark.slow),
    (("gaussian", "bernoulli"), 5 * DATA + np.random.default_rng(0).normal(size=DATA.shape)),
    pytest.param(("relu", si.rbm.Softmax(4)), 3 * DATA + 0.5, marks=pytest.mark.slow),
    ((si.rbm.Softmax(4), "relu"), si.rbm.one_hot(DATA[:, :1].astype(int) + 2 * DATA[:, 2:3].astype(int), 4)),
]


@pytest.mark.parametrize(("units", "X"), UNITS, ids=lambda value: str(value) if isinstance(value, tuple) else "")
def test_machines_of_every_kind_learn(units, X) -> None:
    settings = {"algorithm": "cd", "n_iter": 60, "batch_size": 20, "random_state": 0, "learning_rate": 0.02}
    rbm = si.RBM(4, units=units, **settings).fit(X)
    wrong = (
        X[np.random.default_rng(1).permutation(len(X))[:, None], np.arange(X.shape[1])] if X.shape[1] > 4 else 0 * X + X.mean(0)
    )
    assert np.isfinite(rbm.free_energy(X)).all()
    assert rbm.free_energy(X).mean() < rbm.free_energy(wrong).mean() + 50
    assert rbm.transform(X.astype(np.float32)).dtype == np.float32
    assert rbm.log_precision_.size == (X.shape[1] if units[0] in ("gaussian", "relu") else 0)
    if rbm.log_precision_.size and units[0] == "gaussian":
        spread = rbm.sample(500, rng=0).std(axis=0)
        np.testing.assert_allclose(spread, X.std(axis=0), rtol=0.5)
    if not isinstance(units[0], str):
        np.testing.assert_allclose(rbm.weights_.sum(axis=1), 0.0, atol=1e-5)


def test_monitors_look_on_a_schedule(capsys) -> None:
    rbm = trained(9, monitor=3, verbose=1).fit(DATA, validation=DATA[::7])
    history = rbm.history_
    assert history["pass"][0] == 3
    assert all(step >= 3 for step in np.diff(history["pass"]))
    assert "free_energy_gap" in capsys.readouterr().out
    assert np.isfinite([history[name][0] for name in history]).all()
    assert history["pseudo_log_likelihood"][-1] == pytest.approx(rbm.score(DATA), abs=0.3)
    assert np.isnan(trained(3, algorithm="cd", monitor=1).fit(DATA).history_["chain_rhat"][0])


def test_rows_weigh_and_starts_follow_the_data() -> None:
    rows = np.array([[1.0, 0, 0, 0], [0, 1, 1, 1]])
    rbm = trained(1, learning_rate=1e-9).fit(rows, row_weights=[3, 1])
    np.testing.assert_allclose(rbm.visible_mean_, [0.75, 0.25, 0.25, 0.25])
    components = trained(1, learning_rate=1e-9, init="pca").fit(DATA)
    first = np.linalg.svd(DATA - DATA.mean(0))[2][0]
    assert abs(np.corrcoef(components.weights_[0], first)[0, 1]) > 0.9
    dense, sparse = (trained(3).fit(X).weights_ for X in (DATA, csr_array(DATA)))
    np.testing.assert_allclose(dense, sparse, atol=1e-5)


@pytest.mark.fast
def test_density_chooses_the_kernel() -> None:
    from stochinf.rbm.data import by_density

    X = np.zeros((5, 300))
    assert by_density(X).nnz == 0
    assert isinstance(by_density(X + 1), np.ndarray)
    assert isinstance(by_density(X[:, :200]), np.ndarray)


def test_growing_weights_stop_training() -> None:
    with pytest.warns(si.ConvergenceWarning, match="weights have grown to|no longer finite"):
        rbm = trained(learning_rate=1e5).fit(DATA)
    assert np.abs(rbm.weights_).max() <= 1e4


WRONG = [
    ({"units": "bernoulli"}, "a pair is needed"),
    ({"units": ("bernoulli", "potts")}, "'potts' for the hidden layer"),
    ({"algorithm": "exact"}, "algorithm = 'exact': one of 'cd', 'pcd', 'fpcd', 'pt'"),
    ({"n_chains": 0}, "n_chains = 0"),
    ({"momentum": 1.5}, "momentum = 1.5"),
    ({"l2": -1}, "l2 = -1"),
    ({"dropout": "half"}, "dropout = 'half'"),
    ({"optimizer": "adam"}, "optimizer = 'adam'"),
    ({"optimizer": si.optim.Adam()}, "beside optimizer"),
    ({"clip": 0.0}, "clip = 0.0"),
    ({"init": "svd"}, "init = 'svd'"),
    ({"units": ("bernoulli", si.rbm.Softmax(2))}, "a multiple of the 2 states"),
    ({"units": (si.rbm.Softmax(4), "bernoulli")}, "add up to 2"),
    ({"units": (si.rbm.Softmax(3), "bernoulli")}, "4 columns for units of 3 states"),
    ({"monitor": -1}, "monitor = -1"),
]


@pytest.mark.fast
@pytest.mark.parametrize(("settings", "message"), WRONG, ids=str)
def test_wrong_settings_are_named(settings, message: str) -> None:
    with pytest.raises(si.StochinfError, match=message):
        trained(**settings).fit(DATA)


@pytest.mark.fast
def test_wrong_weights_and_files_are_named(tmp_path) -> None:
    with pytest.raises(si.StochinfError, match="row_weights of shape"):
        trained().fit(DATA, row_weights=[1.0, 2.0])
    (tmp_path / "no.npz").write_bytes(b"nothing")
    with pytest.raises(si.CheckpointError, match="damaged"):
        si.RBM.load(tmp_path / "no.npz")
    assert kernel_of(si.RBM(3, algorithm="pt", n_temperatures=4), 0.1).chains.n_temperatures == 4
