"""Potts and Ising models of data: alignments, shares, draws, gradients, and planted models found again."""

import contextlib
import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import chisquare
from test_examples import example

import stochinf as si
from stochinf.engine.driver import Controls, drive
from stochinf.engine.errors import ConvergenceWarning, MissingFileError, StochinfError
from stochinf.engine.observers import Nothing
from stochinf.engine.session import Plan, build
from stochinf.learning.structure.learnt import matrix_of, tables_of
from stochinf.learning.structure.scores import corrected, norms, zero_sum
from stochinf.learning.structure.shares import connected, pearson, raw_shares

Floats = npt.NDArray[np.float64]

SITES, STATES = 4, 3
ALL = np.indices((STATES,) * SITES).reshape(SITES, -1).T


def planted(strength: float = 1.0, seed: int = 0) -> tuple[Floats, Floats]:
    """Biases (L, q) and couplings (L, L, q, q) in the zero-sum gauge."""
    generator = np.random.default_rng(seed)
    upper = generator.normal(0.0, strength, (SITES, SITES, STATES, STATES))
    couplings = np.zeros_like(upper)
    for i in range(SITES):
        for j in range(i + 1, SITES):
            couplings[i, j], couplings[j, i] = upper[i, j], upper[i, j].T
    return zero_sum(generator.normal(0.0, 0.5, (SITES, STATES)), couplings)


def log_weights(biases: Floats, couplings: Floats, rows: npt.NDArray[Any]) -> Floats:
    """Log densities one by one, as the equation stands."""
    found = [
        sum(biases[i, x[i]] for i in range(len(x)))
        + sum(couplings[i, j, x[i], x[j]] for i in range(len(x)) for j in range(i + 1, len(x)))
        for x in rows
    ]
    return np.array(found)


def probabilities(biases: Floats, couplings: Floats) -> Floats:
    weights = np.exp(log_weights(biases, couplings, ALL))
    return weights / weights.sum()


def target_of(biases: Floats, couplings: Floats) -> Any:
    return si.learning.DensePotts(biases.ravel().astype(np.float32), matrix_of(couplings), biases.shape[1])


# --- alignments and shares --------------------------------------------------------------------------------------------------


@pytest.mark.fast
def test_alphabets_are_the_smallest_that_fit() -> None:
    for rows, alphabet in ((["AC-U", "ACGU"], "-ACGU"), (["ACGT"], "-ACGT"), (["MKV-", "XKVL"], "-ACDEFGHIKLMNPQRSTVWY")):
        found = si.learning.Alignment.from_strings(rows)
        assert found.alphabet == alphabet
        assert found.text() == [row.replace("X", "-") for row in rows]
    assert si.learning.Alignment.from_strings(["abba"], "AB").states.tolist() == [[0, 1, 1, 0]]


@pytest.mark.fast
@pytest.mark.parametrize(
    ("sequences", "options", "words"),
    [
        (["ACGU", "ACG"], {}, "sequence 1 has 3 letters, the first has 4"),
        (["AC", "A!"], {}, "letters '!' are in none"),
        (["AC", "AZ"], {"alphabet": "AC"}, "'Z' at site 1 of sequence 1; the alphabet is 'AC'"),
        (["Aé"], {}, "not ASCII"),
        ([], {}, "shape"),
        ([[0, 1], [2, 5]], {"n_states": 3}, "state 5 at site 1 of row 1"),
        ([[0.5, 1.0]], {}, "whole numbers"),
        ([[0], [1]], {}, "one site"),
        ([[0, 1], [1, 0]], {"method": "magic"}, "'pcd', 'pseudo-likelihood', 'mean-field'"),
        ([[0, 1], [1, 0]], {"target": 2.0}, "target = 2.0"),
        ([[0, 1], [1, 0]], {"l2": -1.0}, "l2 = -1.0"),
        ([[0, 1], [1, 0]], {"identity": -0.5}, "identity = -0.5"),
        ([[0, 1], [1, 0]], {"sample_weight": [1.0, np.nan]}, "sample_weight"),
        ([[0, 1], [1, 0]], {"pseudocount": 1.5}, "pseudocount = 1.5"),
        ([[0, 1], [1, 0]], {"optimizer": "Adam"}, "optimizer = 'Adam'"),
        ([[0, 1], [1, 0]], {"method": "mean-field", "pseudocount": 0.0}, "larger pseudocount"),
        ([[0, 1], [1, 0]], {"method": "pseudo-likelihood", "learning_rate": 0.1}, "a rule that has a rate"),
    ],
)
def test_bad_questions_name_the_culprit(sequences: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(StochinfError, match=words.replace("(", r"\(")):
        si.learn_potts(sequences, **options)


@pytest.mark.fast
def test_fasta_is_read_with_and_without_insertions(tmp_path: Path) -> None:
    text = ">one a\nAC-\nGU\n\n>two\nacAC.cGgGU\n"
    plain, packed = tmp_path / "a.fasta", tmp_path / "a.gz"
    plain.write_text(text, encoding="ascii")
    packed.write_bytes(gzip.compress(text.encode()))
    for path in (plain, str(packed)):
        found = si.learning.read_alignment(path)
        assert found.text() == ["AC-GU", "ACGGU"]
        assert found.names == ("one a", "two")
    lower = tmp_path / "lower"
    lower.write_text(">1\nacgu\n>2\nac-u\n", encoding="ascii")
    assert si.learning.read_alignment(lower).text() == ["ACGU", "AC-U"]
    with pytest.raises(MissingFileError):
        si.learning.read_alignment(tmp_path / "none")


@pytest.mark.fast
def test_mutants_of_a_file_give_our_errors_or_success(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    text, path = b">one\nAC-GU\n>two\nACCGU\n", tmp_path / "a.fasta"
    packed = gzip.compress(text)
    for k in range(1000):
        data = bytearray(packed if k % 4 == 0 else text)
        for _ in range(generator.integers(1, 4)):
            data[generator.integers(len(data))] = generator.integers(256)
        path.write_bytes(bytes(data[: generator.integers(1, len(data) + 1)]))
        with contextlib.suppress(StochinfError):
            assert si.learning.read_alignment(path).states.ndim == 2


@pytest.mark.fast
def test_weights_are_one_over_the_relatives() -> None:
    rows = np.random.default_rng(1).integers(0, 2, (60, 10))
    same = (rows[:, None] == rows[None]).sum(axis=2)
    for identity in (0.0, 0.55, 0.7, 0.8, 1.0):
        wanted = 1.0 / (same >= identity * 10 - 1e-9).sum(axis=1)
        np.testing.assert_allclose(si.learning.sequence_weights(rows, identity), wanted)
    assert (si.learning.sequence_weights(rows, 1.1) == 1.0).all()


@pytest.mark.fast
def test_shares_are_those_counted_by_hand() -> None:
    generator = np.random.default_rng(2)
    rows, weights = generator.integers(0, 3, (40, 4)), generator.random(40)
    shares = si.learning.pair_shares(rows, sample_weight=weights, pseudocount=0.1)
    for i, j, a, b in ((0, 1, 0, 2), (1, 3, 2, 2), (3, 0, 1, 0)):
        counted = weights[(rows[:, i] == a) & (rows[:, j] == b)].sum() / weights.sum()
        assert shares.pairs[3 * i + a, 3 * j + b] == pytest.approx(0.9 * counted + 0.1 / 9, rel=1e-5)
        single = weights[rows[:, i] == a].sum() / weights.sum()
        assert shares.single[3 * i + a] == pytest.approx(0.9 * single + 0.1 / 3, rel=1e-5)
        assert shares.pairs[3 * i + a, 3 * i + a] == pytest.approx(shares.single[3 * i + a])
    np.testing.assert_allclose(shares.single.reshape(4, 3).sum(axis=1), 1.0, rtol=1e-6)


# --- gauge and scores -------------------------------------------------------------------------------------------------------


@pytest.mark.fast
def test_the_gauge_changes_no_probability_and_sums_to_zero() -> None:
    generator = np.random.default_rng(3)
    biases, couplings = generator.normal(size=(SITES, STATES)), np.zeros((SITES, SITES, STATES, STATES))
    for i in range(SITES):
        for j in range(i):
            couplings[i, j] = generator.normal(size=(STATES, STATES))
            couplings[j, i] = couplings[i, j].T
    h, J = zero_sum(biases, couplings)
    np.testing.assert_allclose(probabilities(h, J), probabilities(biases, couplings), atol=1e-14)
    assert max(np.abs(J.sum(axis=2)).max(), np.abs(J.sum(axis=3)).max(), np.abs(h.sum(axis=1)).max()) < 1e-12
    np.testing.assert_allclose(zero_sum(h, J)[1], J, atol=1e-14)


@pytest.mark.fast
def test_scores_are_the_equations() -> None:
    _, couplings = planted()
    sizes = norms(couplings, 1)
    assert sizes[0, 2] == pytest.approx(np.sqrt((couplings[0, 2, 1:, 1:] ** 2).sum()))
    scores, off = corrected(sizes), ~np.eye(SITES, dtype=bool)
    average = [sizes[i][off[i]].mean() for i in range(SITES)]
    assert scores[1, 3] == pytest.approx(sizes[1, 3] - average[1] * average[3] / sizes[off].mean())
    assert (np.diag(scores) == 0).all()
    assert (corrected(np.zeros((3, 3))) == 0).all()


@pytest.mark.fast
def test_inverse_covariances_find_weak_couplings() -> None:
    errors = []
    for strength in (0.1, 0.05):
        biases, couplings = planted(strength)
        p = probabilities(biases, couplings)
        shares = si.learning.pair_shares(ALL, sample_weight=p, pseudocount=0.0)
        found = zero_sum(*si.learning.potts_mean_field(shares))[1]
        errors.append(np.abs(found - couplings).max())
    assert errors[0] < 0.05
    assert errors[1] < 0.4 * errors[0]


# --- draws ------------------------------------------------------------------------------------------------------------------


def after_a_sweep(chains: int, inverse_temperature: float) -> float:
    """Probability of what is seen one sweep after starting from exact draws, in chi-square's test."""
    biases, couplings = planted()
    p = probabilities(biases, couplings)
    start = ALL[np.random.default_rng(5).choice(len(ALL), chains, p=p)]
    run = si.run(
        si.learning.DenseGibbs(inverse_temperature), target_of(biases, couplings), steps=1, init=start, chains=chains, rng=6
    )
    numbers = run["states"][:, -1].astype(np.int64) @ STATES ** np.arange(SITES - 1, -1, -1)
    seen = np.bincount(numbers, minlength=len(ALL)).astype(float)
    kept = p * chains >= 5
    observed = np.append(seen[kept], seen[~kept].sum())
    expected = np.append(p[kept], p[~kept].sum()) * chains
    return float(chisquare(observed, expected).pvalue)


def test_a_sweep_leaves_the_distribution_as_it_is_and_a_wrong_one_does_not() -> None:
    assert after_a_sweep(20_000, 1.0) > 1e-6
    assert after_a_sweep(20_000, 1.3) < 1e-6


def test_draws_have_the_shares_of_the_model() -> None:
    biases, couplings = planted()
    p = probabilities(biases, couplings)
    draws = si.run(si.learning.DenseGibbs(), target_of(biases, couplings), steps=300, warmup=50, chains=64, rng=7)["states"]
    wanted, found = raw_shares(ALL, STATES, p), raw_shares(draws.reshape(-1, SITES), STATES)
    np.testing.assert_allclose(found, wanted, atol=0.02)


def test_a_chain_that_is_no_state_is_refused() -> None:
    target = target_of(*planted())
    with pytest.raises(StochinfError, match="numbers from 0 to 2"):
        si.run(si.learning.DenseGibbs(), target, steps=1, init=np.full(SITES, 3), rng=0)
    with pytest.raises(StochinfError, match="are needed"):
        si.learning.DensePotts(np.zeros(6), np.zeros((6, 5)), 3)
    with pytest.raises(StochinfError, match="must be finite"):
        si.learning.DensePotts(np.zeros(6), np.full((6, 6), np.nan), 3)


# --- learning ---------------------------------------------------------------------------------------------------------------


def test_the_gradient_is_the_centred_difference_of_shares() -> None:
    shares = si.learning.pair_shares(ALL, sample_weight=probabilities(*planted(seed=1)), pseudocount=0.01)
    kernel = si.learning.PottsContrastive(128, l2=0.3, learning_rate=0.1)
    start = np.concatenate([planted()[0].ravel(), matrix_of(planted()[1]).ravel()]).astype(np.float32)
    session = build(Plan(kernel, shares, None, None, Nothing(), start, 1, 0, 1, False, 3), 1)
    state = drive(session, 1, Controls()).blocks[0].state
    q, size = STATES, shares.single.size
    model = raw_shares(np.concatenate(list(state.states), axis=1).T, q)
    f, m = shares.single.astype(np.float64), np.diag(model)
    J = matrix_of(planted()[1]).astype(np.float64)
    wanted = model - shares.pairs - np.outer(m - f, f) - np.outer(f, m - f)
    inside = np.repeat(np.arange(SITES), q)[:, None] == np.repeat(np.arange(SITES), q)[None, :]
    wanted[inside] = 0.0
    gradient = (start - state.position) / 0.1
    np.testing.assert_allclose(gradient[size:].reshape(size, size), wanted + 0.3 * J, atol=3e-6)
    np.testing.assert_allclose(gradient[:size], m - f - wanted @ f, atol=3e-6)
    assert np.abs(wanted.reshape(size, SITES, q).sum(axis=2)).max() < 1e-6
    assert float(state.stats[0]) == pytest.approx(np.sqrt((wanted**2).mean()), rel=1e-4)


@pytest.fixture(scope="module")
def learnt() -> Any:
    """A model learnt by chains from the exact shares of a planted one."""
    weights = 1e6 * probabilities(*planted(0.7))
    return si.learn_potts(ALL, sample_weight=weights, target=0.9999, chains=8192, max_steps=400, learning_rate=0.5, rng=0)


@pytest.mark.filterwarnings("ignore::stochinf.ConvergenceWarning")
def test_chains_find_a_planted_model(learnt: Any) -> None:
    biases, couplings = planted(0.7)
    assert np.abs(learnt.couplings - couplings).max() < 0.2
    assert pearson(learnt.couplings, couplings) > 0.99
    assert np.abs(probabilities(learnt.biases, learnt.couplings) - probabilities(biases, couplings)).max() < 0.01
    assert learnt.history["pearson"][-1] > 0.995
    assert np.abs(learnt.couplings.sum(axis=2)).max() < 1e-5


@pytest.mark.filterwarnings("ignore::stochinf.ConvergenceWarning")
def test_what_was_learnt_is_one_model_in_every_form(learnt: Any) -> None:
    scores = learnt.log_density(ALL)
    np.testing.assert_allclose(scores, log_weights(learnt.biases, learnt.couplings, ALL), atol=1e-10)
    graph = learnt.graph
    both = [graph.log_score(dict(enumerate(row.tolist()))) for row in ALL[[0, 40, 77]]]
    np.testing.assert_allclose(np.diff(both), np.diff(scores[[0, 40, 77]]), atol=1e-6)
    agreement = learnt.agreement(2048, sweeps=20, rng=1)
    assert agreement["pearson"] > 0.95
    assert min(agreement["mixing"], agreement["noise"], agreement["single"]) > 0.9
    assert learnt.sample(5, rng=2).states.shape == (5, SITES)
    assert (learnt.sample(5, rng=2).states == learnt.sample(5, rng=2).states).all()
    with pytest.raises(StochinfError, match="an Ising model has two"):
        learnt.spins()


def test_the_same_seed_learns_the_same_bits() -> None:
    rows = np.random.default_rng(0).integers(0, STATES, (300, SITES))
    first, second = (si.learn_potts(rows, chains=64, target=0.01, rng=4) for _ in range(2))
    assert (first.couplings == second.couplings).all()
    assert first.converged
    assert first.rng_entropy == 4


def test_couplings_that_run_away_are_told_and_the_last_good_ones_kept() -> None:
    rows = np.random.default_rng(0).integers(0, STATES, (300, SITES))
    with pytest.warns(ConvergenceWarning, match="have grown to"):
        found = si.learn_potts(rows, chains=64, target=1.0, learning_rate=1e5, rng=0)
    assert np.isfinite(found.couplings).all()
    assert not found.converged
    with pytest.warns(ConvergenceWarning, match="was asked for"):
        si.learn_potts(rows, chains=64, target=1.0, max_steps=20, rng=0)


def test_pseudo_likelihood_finds_a_planted_model_from_exact_shares() -> None:
    biases, couplings = planted()
    p = probabilities(biases, couplings)
    problem = si.learning.potts_pseudo_likelihood(si.learning.Alignment.from_states(ALL, STATES), p, 1e-8, 1e-8)
    x = si.minimize(problem, si.optim.LBFGS(), rng=0).x
    size = problem.fields.size
    h, J = zero_sum(x[:size].reshape(-1, STATES), tables_of(x[size:].reshape(size, size), STATES))
    np.testing.assert_allclose(J, couplings, atol=1e-3)
    np.testing.assert_allclose(h, biases, atol=1e-3)
    found = si.learn_potts(ALL, "pseudo-likelihood", sample_weight=p, l2=1e-3, rng=0)
    assert found.converged
    assert pearson(found.couplings, couplings) > 0.99
    assert found.history["objective"][-1] < found.history["objective"][0]


def test_the_gradient_of_the_pseudo_likelihood_is_that_of_its_value() -> None:
    generator = np.random.default_rng(8)
    alignment = si.learning.Alignment.from_states(ALL[generator.integers(0, len(ALL), 30)], STATES)
    problem = si.learning.potts_pseudo_likelihood(alignment, generator.random(30) + 0.5, 0.2, 0.1)
    size = problem.fields.size
    biases, couplings = planted()
    x = np.concatenate([biases.ravel(), matrix_of(couplings).ravel()]).astype(np.float64)
    slope = problem.full_gradient(x)
    assert np.abs(slope[size:].reshape(size, size) - slope[size:].reshape(size, size).T).max() < 1e-14
    for r, s in ((0, 4), (5, 11), (7, 2)):
        moved = np.zeros((size, size))
        moved[r, s] = moved[s, r] = 1e-5
        step = np.append(np.zeros(size), moved.ravel())
        numeric = (problem.objective(x + step) - problem.objective(x - step)) / 2e-5
        assert 2 * slope[size + r * size + s] == pytest.approx(numeric, rel=1e-6, abs=1e-9)
    step = np.zeros(x.size)
    step[3] = 1e-5
    assert slope[3] == pytest.approx((problem.objective(x + step) - problem.objective(x - step)) / 2e-5, rel=1e-6)


@pytest.mark.slow
def test_any_optimiser_serves_both_ways() -> None:
    generator = np.random.default_rng(9)
    p = probabilities(*planted())
    rows = ALL[generator.choice(len(ALL), 1000, p=p)]
    whole = si.learn_potts(rows, "pseudo-likelihood", identity=2, rng=0)
    adam = si.learn_potts(rows, "pseudo-likelihood", identity=2, optimizer=si.optim.Adam(0.01), rng=0)
    assert pearson(adam.couplings, whole.couplings) > 0.98
    chains = si.learn_potts(rows, identity=2, optimizer=si.optim.Adam(0.02), chains=4096, target=0.995, rng=0)
    assert chains.converged
    assert pearson(chains.couplings, whole.couplings) > 0.95


def test_tables_and_matrices_are_each_other() -> None:
    _, couplings = planted()
    np.testing.assert_allclose(tables_of(matrix_of(couplings), STATES), couplings, atol=1e-6)
    data = connected(raw_shares(ALL, STATES, probabilities(*planted())), STATES)
    assert data.size == SITES * (SITES - 1) // 2 * STATES**2


DATA = Path(os.environ.get("STOCHINF_RBM_DATA", "data/rbm"))


@pytest.mark.slow
@pytest.mark.skipif(not DATA.exists(), reason="the alignments are not here (STOCHINF_RBM_DATA)")
@pytest.mark.parametrize("name", ["rna/RF00379.fasta.gz", "protein/WW_domain_MSA.fasta.gz"])
def test_real_alignments_are_learnt_and_fresh_chains_agree(name: str) -> None:
    learnt = si.learn_potts(DATA / name, rng=0)
    assert learnt.converged
    fresh = learnt.agreement(8192, sweeps=400, rng=1)
    assert fresh["pearson"] > 0.95
    assert fresh["slope"] > 0.85
    assert fresh["mixing"] > fresh["noise"] - 0.02


def test_the_example_finds_its_fold(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert example("alignment").main(["--output", str(tmp_path / "map.png")]) == 0
    shown = capsys.readouterr().out
    assert "known pairs among the 15 that score highest: 15" in shown
    assert (tmp_path / "map.png").stat().st_size > 1000
    assert example("alignment").main([str(tmp_path / "none.fasta")]) == 2
    assert "no file" in capsys.readouterr().err
