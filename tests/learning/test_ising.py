"""Sparse Ising models of binary rows: planted edges found again, conditions of an optimum, what is refused."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import stochinf as si
from stochinf.engine.errors import StochinfError

Floats = npt.NDArray[np.float64]


def grid(rows: int, columns: int, seed: int) -> Floats:
    """Couplings of +-0.5 on a grid."""
    generator, p = np.random.default_rng(seed), rows * columns
    J = np.zeros((p, p))
    for i in range(p):
        for j in (i + 1 if (i + 1) % columns else -1, i + columns):
            if 0 <= j < p:
                J[i, j] = J[j, i] = generator.choice([-0.5, 0.5])
    return J


def exact_spins(J: Floats, n: int, seed: int) -> npt.NDArray[np.int64]:
    """Draw from an Ising model of at most 16 spins by enumeration."""
    states = 2 * ((np.arange(2 ** len(J))[:, None] >> np.arange(len(J))) & 1) - 1
    energies = np.einsum("ni,ij,nj->n", states, J, states) / 2
    p = np.exp(energies - energies.max())
    return states[np.random.default_rng(seed).choice(len(states), n, p=p / p.sum())]


def test_a_grid_is_found_again_edge_by_edge() -> None:
    J = grid(3, 4, 0)
    found = si.learn_ising(exact_spins(J, 2000, 1))
    assert ((found.couplings != 0) == (J != 0)).all()
    assert np.abs(found.couplings - J).max() < 4 * np.sqrt(1.5 / 2000)
    assert np.abs(found.fields).max() < 0.15
    assert len(found.edges) == np.count_nonzero(J) // 2
    ordered = [abs(edge[2]) for edge in found.edges]
    assert ordered == sorted(ordered, reverse=True)
    assert found.graph.n_variables == 12


def test_independent_columns_have_no_edges_and_strong_penalties_none() -> None:
    rows = np.random.default_rng(0).random((1000, 8)) < 0.3
    found = si.learn_ising(rows)
    assert found.edges == []
    np.testing.assert_allclose(found.fields, np.arctanh(2 * rows.mean(axis=0) - 1), atol=1e-12)
    assert si.learn_ising(exact_spins(grid(2, 3, 0), 500, 2), 10.0).edges == []


def test_one_strength_obeys_the_conditions_of_an_optimum() -> None:
    rows, l1 = exact_spins(grid(2, 3, 0), 500, 3), 0.05
    found = si.learn_ising(rows, l1, refit=False, rule="or")
    own = rows[:, 0]
    fields = si.learn_ising(rows, l1, refit=False).fields
    margins = own * 2 * (rows @ found.sides[0] + fields[0])
    slopes = -(rows * (own / (1 + np.exp(margins)))[:, None]).mean(axis=0)
    for j in range(1, 6):
        if found.sides[0, j]:
            assert slopes[j] == pytest.approx(-l1 * np.sign(found.sides[0, j]), abs=1e-3)
        else:
            assert abs(slopes[j]) < l1 + 1e-3


@pytest.mark.parametrize(
    ("X", "options", "words"),
    [
        ([[0, 1, 2], [1, 0, 1]], {}, "3 different values"),
        ([[0.0, np.nan], [1.0, 0.0]], {}, "row 0 has no value in column 1"),
        ([[0, 1], [1, 1]], {}, "column 1 is 1 in every row"),
        ([0, 1], {}, "shape"),
        ([[0, 1], [1, 0]], {"l1": "aic"}, "'ebic'"),
        ([[0, 1], [1, 0]], {"l1": -1.0}, "l1 = -1.0"),
        ([[0, 1], [1, 0]], {"rule": "xor"}, "'and' or 'or'"),
        ([[0, 1], [1, 0]], {"gamma": 2.0}, "gamma = 2.0"),
    ],
)
@pytest.mark.fast
def test_bad_rows_name_the_culprit(X: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(StochinfError, match=words):
        si.learn_ising(X, **options)


@pytest.mark.fast
def test_names_come_from_the_columns() -> None:
    pandas = pytest.importorskip("pandas")
    from stochinf.learning.structure.neighbourhoods import spins_of

    spins, names, values = spins_of(pandas.DataFrame({"rain": ["no", "yes", "no"], "wet": ["no", "yes", "yes"]}))
    assert names == ("rain", "wet")
    assert values == ("no", "yes")
    assert spins.tolist() == [[-1, -1], [1, 1], [-1, 1]]
