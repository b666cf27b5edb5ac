"""Chains of transforms at any depth, in this process and in the next."""

import os
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest

import stochinf as si
from stochinf.engine.cache import cache_folder
from stochinf.engine.jit import JIT
from stochinf.optim import chain, clip, momentum, weight_decay
from stochinf.optim.transforms import NoMemory, leaves

X = np.random.default_rng(2).normal(size=(30, 3))
Y = (X[:, 0] > 0).astype(int)

DEPTHS = {
    1: (momentum(0.5),),
    3: (clip(1.0), momentum(0.5), weight_decay(1e-3)),
    7: (clip(1.0), momentum(0.5), weight_decay(1e-3), momentum(0.1), clip(0.5), weight_decay(1e-4), momentum(0.2)),
}

SCRIPT = """
import numpy as np, stochinf as si
from stochinf.engine import cache
from stochinf.optim import clip, momentum, weight_decay, chain
X = np.random.default_rng(2).normal(size=(30, 3))
target = si.models.LogisticRegression(X, (X[:, 0] > 0).astype(int))
for depth in ({parts}):
    print(si.run(si.optim.SGD(0.1, chain(*depth)), target, steps=60, thin=60, rng=0).position.tobytes().hex())
print(cache.statistics["misses"])
"""


def expected(transforms, steps, tape):
    w, memories = np.zeros(3), [np.zeros(3) for _ in transforms]
    signs = np.where(Y == 1, 1.0, -1.0)
    for row in tape[:steps]:
        g = -signs[row] * X[row] / (1.0 + np.exp(signs[row] * (X[row] @ w)))
        for transform, memory in zip(transforms, memories, strict=True):
            match type(transform).__name__:
                case "Clip":
                    g = g * min(1.0, transform.limit / np.linalg.norm(g))
                case "Momentum":
                    memory[:] = transform.decay * memory + g
                    g = memory.copy()
                case "WeightDecay":
                    g = g + transform.strength * w
        w = w - 0.1 * g
    return w


@pytest.mark.parametrize("depth", DEPTHS)
def test_chains_of_any_depth_equal_numpy(depth):
    transforms = DEPTHS[depth]
    run = si.run(
        si.optim.SGD(0.1, chain(*transforms)),
        si.models.LogisticRegression(X, Y),
        steps=60,
        thin=60,
        rng=0,
        picker=si.pickers.Scan(),
    )
    np.testing.assert_allclose(run.position[0], expected(transforms, 60, list(range(30)) * 2), rtol=1e-12)


@pytest.mark.skipif(not JIT or cache_folder() is None, reason="nothing is kept")
def test_chains_of_any_depth_come_from_the_cache_in_the_next_process():
    mine = [
        si.run(si.optim.SGD(0.1, chain(*parts)), si.models.LogisticRegression(X, Y), steps=60, thin=60, rng=0)
        .position.tobytes()
        .hex()
        for parts in DEPTHS.values()
    ]
    text = ",".join(f"({','.join(f'{short(p)}' for p in parts)},)" for parts in DEPTHS.values())
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(parts=text)],
        capture_output=True,
        text=True,
        env=dict(os.environ),
        check=False,
        timeout=300,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == [*mine, "0"]


def short(transform):
    names = {"Clip": "clip", "Momentum": "momentum", "WeightDecay": "weight_decay"}
    return f"{names[type(transform).__name__]}({transform[0]!r})"


@pytest.mark.fast
def test_a_chain_keeps_its_parts_in_order():
    assert leaves(chain(*DEPTHS[7])) == list(DEPTHS[7])
    assert leaves(chain(chain(*DEPTHS[3]), chain(*DEPTHS[1]))) == [*DEPTHS[3], *DEPTHS[1]]
    assert chain(momentum(0.5)) == momentum(0.5)


@pytest.mark.fast
def test_velocities_that_would_underflow_become_zero():
    rule = momentum(0.5)
    memory = rule.init(1)
    for k in range(1100):
        gradient = np.array([1.0 if k == 0 else 0.0])
        rule.apply(np.zeros(1), gradient, memory)
    assert memory.velocity[0] == 0.0


@si.kernel(sparse=True)
class Half(NamedTuple):
    """Halve the gradient; nothing in it minds sparse data."""

    share: float = 0.5

    def init(self, dim):
        return NoMemory(np.zeros(0))

    def apply(self, position, gradient, memory):
        for j in range(gradient.size):
            gradient[j] *= self.share


def test_a_transform_of_ones_own_that_declares_sparse_runs_on_sparse_data():
    from scipy.sparse import csr_array

    signs = np.where(Y == 1, 1.0, -1.0)
    picker = si.pickers.Scan()
    run = si.run(
        si.optim.SGD(0.2, Half()), si.models.LogisticRegression(csr_array(X), Y), steps=30, thin=30, rng=0, picker=picker
    )
    w = np.zeros(3)
    for row in range(30):
        w += 0.1 * signs[row] * X[row] / (1.0 + np.exp(signs[row] * (X[row] @ w)))
    np.testing.assert_allclose(run.position[0], w, rtol=1e-12)
