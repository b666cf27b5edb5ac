"""Products by BLAS in compiled code: every turn of both matrices, adding and overwriting."""

import itertools

import numpy as np
import pytest

from stochinf.engine import blas
from stochinf.engine.blas import multiply
from stochinf.engine.jit import entry

pytestmark = pytest.mark.fast


@entry
def product(a, a_turned, b, b_turned, out, keep):
    multiply(a, a_turned, b, b_turned, out, keep)


CASES = list(itertools.product([False, True], [False, True], [0.0, 1.0]))


@pytest.mark.parametrize(("a_turned", "b_turned", "keep"), CASES)
def test_it_is_numpys_product(a_turned, b_turned, keep):
    assert blas.AVAILABLE
    rng = np.random.default_rng(1)
    a, b, out = (rng.integers(-4, 5, shape).astype(np.float32) for shape in ((3, 5), (5, 2), (3, 2)))
    expected = a @ b + np.float32(keep) * out
    if keep == 0.0:
        out[:] = np.nan
    turned = [np.ascontiguousarray(x.T) if turn else x for x, turn in ((a, a_turned), (b, b_turned))]
    product(turned[0], a_turned, turned[1], b_turned, out, np.float32(keep))
    np.testing.assert_array_equal(out, expected)


def test_it_is_written_out_where_numba_has_no_such_call(monkeypatch):
    monkeypatch.setattr(blas, "AVAILABLE", False)
    body = blas._multiply(*[None] * 6)
    for a_turned, b_turned, keep in CASES:
        rng = np.random.default_rng(1)
        a, b, out = (rng.integers(-4, 5, shape).astype(np.float32) for shape in ((3, 5), (5, 2), (3, 2)))
        expected = a @ b + np.float32(keep) * out
        body(a.T if a_turned else a, a_turned, b.T if b_turned else b, b_turned, out, np.float32(keep))
        np.testing.assert_array_equal(out, expected)
