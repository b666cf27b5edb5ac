"""Many normal numbers at once are those drawn one after the other, to the bit."""

import numpy as np
import pytest

from stochinf.engine.normals import write_normals, write_uniforms
from stochinf.engine.random import normal, stream, uniform

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(("many", "one"), [(write_normals, normal), (write_uniforms, uniform)], ids=["normal", "uniform"])
@pytest.mark.parametrize("size", [0, 1, 7, 25, 1000])
def test_many_at_once_are_those_drawn_one_by_one(many, one, size):
    rng, other = stream(np.random.SeedSequence(size)), stream(np.random.SeedSequence(size))
    out = np.empty(size)
    with np.errstate(over="ignore"):
        many(rng, out)
        assert out.tolist() == [one(other) for _ in range(size)]
    assert rng.tolist() == other.tolist()


@pytest.mark.parametrize("word", [0, 2**64 - 1, 2**63, 2**12])
def test_extreme_words_are_served(word):
    state = np.array([word, 0, 5, 0], dtype=np.uint64)
    out = np.empty(1)
    with np.errstate(over="ignore"):
        write_normals(state.copy(), out)
        assert out[0] == normal(state)
    assert np.isfinite(out[0])
