"""`stochinf convert` and `stochinf check`: what they print, write and refuse."""

from pathlib import Path

import numpy as np
import pytest

import stochinf as si
from stochinf.cli import main
from stochinf.graphs.formats import read_uai_result

ROOT = Path(__file__).parents[1]
MODEL, EVIDENCE = str(ROOT / "examples/data/hepar2.uai"), str(ROOT / "examples/data/hepar2.uai.evid")
PAIR = "MARKOV\n2\n2 3\n2\n1 0\n2 0 1\n2\n0.25 0.75\n6\n1 2 3 4 5 6\n"


@pytest.fixture
def pair(tmp_path: Path) -> str:
    """A model that is no Bayesian network."""
    file = tmp_path / "pair.uai"
    file.write_text(PAIR, encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("suffix", ["bif", "xmlbif", "uai.gz", "fg"])
def test_convert_there_and_back(suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there, back = str(tmp_path / f"there.{suffix}"), str(tmp_path / "back.uai")
    assert main(["convert", MODEL, there]) == 0
    assert main(["convert", there, back]) == 0
    assert "back.uai: written" in capsys.readouterr().err
    assert main(["infer", back, "--evidence", EVIDENCE, "--output", str(tmp_path / "back.MAR")]) == 0
    known, found = read_uai_result(MODEL + ".MAR").marginals, read_uai_result(tmp_path / "back.MAR").marginals
    assert np.abs(np.concatenate(found) - np.concatenate(known)).max() < 1e-9


@pytest.mark.fast
def test_convert_says_what_is_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(ROOT / "examples/data/hepar2.bif.gz"), str(tmp_path / "hepar2.uai")]) == 0
    assert "without names of variables and labels of states" in capsys.readouterr().err
    first, second = si.read_graph(MODEL), si.read_graph(tmp_path / "hepar2.uai")
    assert np.allclose(first.weights.sum(), second.weights.sum())


@pytest.mark.parametrize("model", [MODEL, str(ROOT / "examples/data/hepar2.bif.gz")])
def test_check(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", model]) == 0
    facts = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert facts["kind"] == "Bayesian network"
    assert facts["variables"] == "70"
    assert facts["states"] == "2 to 4"
    assert facts["elimination"].startswith("width ")


@pytest.mark.fast
@pytest.mark.parametrize(
    ("words", "culprit"),
    [
        (["check", "nowhere.uai"], "nowhere.uai"),
        (["check", "model.xyz"], "model.xyz"),
        (["check", "."], "'.'"),
        (["convert", "nowhere.uai", "b.uai"], "nowhere.uai"),
        (["convert", MODEL, "b.xyz"], "b.xyz"),
        (["convert", MODEL, "/no/such/folder/b.uai"], "/no/such/folder/b.uai"),
        (["convert", "{pair}", "{folder}/pair.bif"], "BIF"),
    ],
)
def test_files_that_cannot_be_converted_or_checked(
    words: list[str], culprit: str, pair: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word.format(pair=pair, folder=tmp_path) for word in words]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("stochinf: ")
    assert culprit in said.err
    assert said.out == ""
