"""The examples of Boltzmann machines run, with small numbers, and say what they should."""

import re
from pathlib import Path

import pytest
from running_examples import drawn, example, numbers, picture


def test_lower_halves_are_filled_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = picture(tmp_path)
    assert example("rbm_inpainting").main(["--passes", "40", *words]) == 0
    assert drawn(words)
    shown = capsys.readouterr().out
    mean, given = map(float, re.findall(r"(0\.\d+) by the mean of all, (0\.\d+) given", shown)[0])
    assert given < mean - 0.03
    learnt, independent = map(float, re.findall(r"digit: (-\d+\.\d+) .*; (-\d+\.\d+) with", shown)[0])
    assert learnt > independent + 1.0


def test_labels_are_saved_and_students_learn(capsys: pytest.CaptureFixture[str]) -> None:
    assert example("dbn_digits").main(["--passes", "5", "--tuning", "20"]) == 0
    chances = [float(word) for word in re.findall(r"0\.\d+", capsys.readouterr().out)]
    assert len(chances) == 4
    assert min(chances[2:]) > 0.9


def test_choices_of_a_family_have_units_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = picture(tmp_path)
    assert example("rbm_family").main(words) == 0
    assert drawn(words)
    shown = capsys.readouterr().out
    assert "unit of their own: 3 of 3" in shown
    drawn_rows, seen = map(float, re.findall(r"correlation (0\.\d+) .*half: (0\.\d+)", shown)[0])
    assert drawn_rows > seen - 0.05
    assert numbers(shown, "an unseen sequence")[0] > 0.65


def test_fantasies_are_close_to_digits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STOCHINF_RBM_DATA", raising=False)
    words = picture(tmp_path)
    assert example("rbm_fantasies").main(["--passes", "40", *words]) == 0
    assert drawn(words)
    shown = capsys.readouterr().out
    (agreed, near), (fancied, away), (noise, far) = (
        numbers(shown, what)[:2] for what in ("unseen digits", "fantasies", "pixels one by one")
    )
    assert agreed > fancied > noise + 0.2
    assert near <= away < far - 2.0


@pytest.mark.fast
@pytest.mark.parametrize("name", ["rbm_family", "rbm_fantasies"])
def test_machines_of_no_units_are_refused(name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STOCHINF_RBM_DATA", raising=False)
    assert example(name).main(["--hidden", "0"]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"{name}.py: ")
    assert said.out == ""
