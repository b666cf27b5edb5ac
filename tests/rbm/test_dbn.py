"""Stacks of machines: gradients against differences, bounds against listing, classes learnt, errors."""

from typing import Any

import numpy as np
import pytest
from rbm.tiny import states
from scipy.special import expit, log_softmax, logsumexp
from sklearn.datasets import load_digits

import stochinf as si
from stochinf.rbm.discriminative import Discriminative, class_scores
from stochinf.rbm.network import Network, forward, layers_of

RNG = np.random.default_rng(5)


def differences(loss: Any, position: Any) -> Any:
    steps = 1e-5 * np.eye(position.size)
    return np.array([(loss(position + step) - loss(position - step)) / 2e-5 for step in steps])


@pytest.mark.fast
def test_backpropagation_is_the_gradient() -> None:
    widths, X = np.array([5, 4, 3, 2]), RNG.random((6, 5))
    shares = RNG.dirichlet(np.ones(2), 6)
    net = Network(X, shares, widths, 4, 1e-3)
    position, out = RNG.normal(0, 1, net.dim), np.zeros(net.dim, np.float32)

    def loss(p: Any) -> float:
        layers = layers_of(p, widths)
        top = forward(layers[:-1], X) @ layers[-1][0] + layers[-1][1]
        return float(-(shares * log_softmax(top, axis=1)).sum(axis=1).mean() + 0.5e-3 * (p**2).sum())

    net.gradient(position.astype(np.float32), np.array([0, 1, 2, 3, 4, -1, 5]), out)
    np.testing.assert_allclose(out, differences(loss, position.astype(np.float32).astype(float)), atol=2e-6)


@pytest.mark.fast
def test_backpropagation_passes_by_what_drops_out() -> None:
    """In one row the gradient is that of the network of the units kept, these made larger."""
    widths, X, shares = np.array([6, 8, 5, 2]), RNG.random((1, 6)), np.array([[0.3, 0.7]])
    net = Network(X, shares, widths, 1, dropout=(0.4, 0.25), seed=3)
    position, out, lost = RNG.normal(0, 1, net.dim).astype(np.float32), np.zeros(net.dim, np.float32), 0
    for _ in range(5):
        net.gradient(position, np.array([0]), out)
        kept = [net.inputs, net.active[:8], net.active[8:13]]
        masks = [(part > 0) / keep for part, keep in zip(kept, (0.6, 0.75, 0.75), strict=True)]
        lost += sum(int((mask == 0).sum()) for mask in masks)

        def loss(p: Any, masks: Any = masks) -> float:
            rows = X * masks[0]
            layers = layers_of(p, widths)
            for (weights, bias), mask in zip(layers[:-1], masks[1:], strict=True):
                rows = expit(rows @ weights + bias) * mask
            return float(-(shares * log_softmax(rows @ layers[-1][0] + layers[-1][1], axis=1)).sum())

        np.testing.assert_allclose(out, differences(loss, position.astype(float)), atol=3e-6)
    assert 0 < lost < 5 * 19


@pytest.mark.fast
def test_as_many_drop_out_as_asked() -> None:
    widths, n = np.array([30, 40, 3]), 200
    net = Network(np.ones((n, 30)), np.full((n, 3), 1 / 3), widths, n, dropout=(0.2, 0.5), seed=1)
    out = np.zeros(net.dim, np.float32)
    net.gradient(np.zeros(net.dim, np.float32), np.arange(n), out)
    for layer, chance, whole in ((net.inputs, 0.2, 1.0), (net.active[: n * 40], 0.5, 0.5)):
        np.testing.assert_allclose(np.unique(layer), [0.0, whole / (1.0 - chance)], rtol=1e-6)
        assert abs((layer == 0).mean() - chance) < 5 * np.sqrt(chance * (1 - chance) / layer.size)


@pytest.mark.fast
def test_the_classes_gradient_and_chances_are_exact() -> None:
    n, hidden, classes = 5, 4, 3
    X, y = RNG.integers(0, 2, (6, n)).astype(float), np.array([0, 1, 2, 2, 1, 0])
    target = Discriminative(X, y, classes, hidden, 4, 1e-3)
    position, out = RNG.normal(0, 1, target.dim), np.zeros(target.dim, np.float32)

    def parts(p: Any) -> Any:
        own, ends = n * hidden, (n + 1 + classes) * hidden
        return p[:own].reshape(n, hidden), p[own : own + hidden], p[own + hidden : ends].reshape(classes, hidden), p[ends:]

    def loss(p: Any) -> float:
        return float(-log_softmax(class_scores(X, *parts(p)), axis=1)[np.arange(6), y].mean() + 0.5e-3 * (p**2).sum())

    target.gradient(position.astype(np.float32), np.array([0, 1, 2, 3, 4, -1, 5]), out)
    np.testing.assert_allclose(out, differences(loss, position.astype(np.float32).astype(float)), atol=2e-6)
    w, c, u, d = parts(position)
    h = states(hidden)
    joint = np.stack([logsumexp((X @ w + c + u[k]) @ h.T, axis=1) + d[k] for k in range(classes)], axis=1)
    np.testing.assert_allclose(log_softmax(class_scores(X, w, c, u, d), axis=1), log_softmax(joint, axis=1), rtol=1e-10)


def stack(*layers: Any) -> si.DBN:
    dbn = si.DBN([len(machine.hidden_bias_) for machine in layers])
    dbn.rbms_, dbn.n_features_in_ = list(layers), layers[0].n_features_in_
    return dbn


def machines() -> Any:
    below = si.RBM.from_arrays(RNG.normal(size=(4, 5)), RNG.normal(size=5), RNG.normal(size=4))
    return below, si.RBM.from_arrays(RNG.normal(size=(3, 4)), RNG.normal(size=4), RNG.normal(size=3))


@pytest.mark.fast
def test_the_bound_is_below_the_likelihood() -> None:
    below, top = machines()
    v, h = states(5), states(4)
    prior = np.exp(-top.free_energy(h) - top.log_partition().value)
    p = expit(h @ below.weights_ + below.visible_bias_)
    exact = np.log(prior @ np.prod(np.where(v[None] > 0, p[:, None], 1 - p[:, None]), axis=2))
    assert logsumexp(exact) == pytest.approx(0.0, abs=1e-6)
    bound = stack(below, top).lower_bound(v, draws=400, rng=0)
    up = expit(v @ below.weights_.T + below.hidden_bias_)
    q = np.prod(np.where(h[None] > 0, up[:, None], 1 - up[:, None]), axis=2)
    joint = np.log(prior) + np.log(np.prod(np.where(v[:, None] > 0, p[None], 1 - p[None]), axis=2))
    expected = (q * (joint - np.log(q))).sum(axis=1).mean()
    assert expected < exact.mean()
    assert abs(bound.value - expected) < 5 * bound.mcse < 0.2
    alone = stack(top).lower_bound(h)
    assert alone.value == pytest.approx(top.log_likelihood(h).value)
    assert alone.mcse == 0.0


def test_a_stack_draws_what_its_layers_say() -> None:
    below, top = machines()
    rows = stack(below, top).sample(2000, rng=1)
    prior = np.exp(-top.free_energy(states(4)) - top.log_partition().value)
    expected = prior @ expit(states(4) @ below.weights_ + below.visible_bias_)
    np.testing.assert_allclose(rows.mean(axis=0), expected, atol=0.06)
    assert set(np.unique(rows)) == {0.0, 1.0}


def test_digits_are_told_apart() -> None:
    X, y = load_digits(return_X_y=True)
    X = (X / 16.0).astype(np.float32)
    machine = si.RBM(1, n_iter=3, learning_rate=0.05, batch_size=50)
    dbn = si.DBN((60, 40), machine, n_iter=30, batch_size=50, rule=si.optim.Adam(5e-3), random_state=0).fit(X[:1000], y[:1000])
    assert dbn.score(X[1000:], y[1000:]) > 0.85
    chances = dbn.predict_proba(X[1000:])
    np.testing.assert_allclose(chances.sum(axis=1), 1.0, rtol=1e-5)
    student = si.DBN((30,), machine, n_iter=30, batch_size=50, rule=si.optim.Adam(5e-3), random_state=0)
    student.fit(X[:1000], dbn.predict_proba(X[:1000]).astype(float))
    assert (student.predict(X[1000:]) == dbn.predict(X[1000:])).mean() > 0.85
    model = si.ClassificationRBM(40, n_iter=30, batch_size=50, rule=si.optim.Adam(5e-3), random_state=0)
    assert model.fit(X[:1000], y[:1000]).score(X[1000:], y[1000:]) > 0.85
    assert np.array_equal(model.predict(X), model.fit(X[:1000], y[:1000]).predict(X))


def test_tuning_takes_averages_of_iterates() -> None:
    """The average from the last step on is the last iterate, dropout and all; from earlier on it is another."""
    X, y = RNG.integers(0, 2, (40, 6)).astype(np.float32), np.arange(40) % 2
    adam, tuned = si.optim.Adam(1e-2), []
    for rule in (adam, si.optim.Averaging(adam, start=11), si.optim.Averaging(adam, start=6)):
        dbn = si.DBN((5,), si.RBM(1, n_iter=1), n_iter=3, batch_size=10, rule=rule, dropout=(0.2, 0.3), random_state=0)
        tuned.append(np.concatenate([part.ravel() for layer in dbn.fit(X, y).layers_ for part in layer]))
    np.testing.assert_allclose(tuned[1], tuned[0], rtol=1e-6)
    assert 1e-3 < np.abs(tuned[2] - tuned[0]).max() < 0.1


@pytest.mark.fast
def test_bad_input_is_refused() -> None:
    X = np.eye(4)
    for call, message in (
        (lambda: si.DBN((3, 0)).fit(X), "hidden_layer_sizes"),
        (lambda: si.DBN((3, 2), [si.RBM(1)]).fit(X), "1 machines for 2"),
        (lambda: stack(*machines()).fine_tune(np.zeros((4, 3)), [0, 1, 0, 1]), "features"),
        (lambda: stack(*machines())._targets([0, 1], 3), "y has 2 rows"),
        (lambda: stack(*machines())._targets(np.full((2, 2), 0.7), 2), "add up to 1"),
        (lambda: si.ClassificationRBM(3, generative="yes").fit(X, [0, 1, 0, 1]), "an RBM or None"),
        (lambda: Network(X, np.eye(3), np.array([4, 3]), 2), "Network"),
        (lambda: Network(X, np.eye(4), np.array([4, 4]), 2, dropout=(0.0, 1.0)), "dropout"),
        (lambda: si.DBN((3,), si.RBM(1, n_iter=1), dropout=1.0).fit(X, [0, 1, 0, 1]), "dropout"),
        (lambda: si.DBN((3,), si.RBM(1, n_iter=1), dropout=(0.1, 0.2, 0.3)).fit(X, [0, 1, 0, 1]), "a pair"),
    ):
        with pytest.raises(si.StochinfError, match=message):
            call()
