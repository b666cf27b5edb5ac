"""The command line: what it prints and writes, and its exit codes."""

import csv
import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from parts_for_tests import needs_jit, python

import stochinf as si
from stochinf.cli import main
from stochinf.commands.given import bytes_of
from stochinf.graphs.formats import read_uai_result

ROOT = Path(__file__).parents[1]
MODEL, EVIDENCE = str(ROOT / "examples/data/hepar2.uai"), str(ROOT / "examples/data/hepar2.uai.evid")
PAIR = "MARKOV\n2\n2 3\n2\n1 0\n2 0 1\n2\n0.25 0.75\n6\n1 2 3 4 5 6\n"
SPLIT = "MARKOV\n2\n2 2\n1\n2 0 1\n4\n1 1e-30 1e-30 1\n"
COMMON = ["--method", "gibbs", "--chains", "16", "--draws", "200", "--warmup", "50", "--seed", "1"]


@pytest.fixture
def pair(tmp_path: Path) -> str:
    """A model whose marginals are known: p(0) in proportion to (0.25 * 6, 0.75 * 15)."""
    file = tmp_path / "pair.uai"
    file.write_text(PAIR, encoding="utf-8")
    return str(file)


def exact() -> list[list[float]]:
    joint = np.array([[0.25], [0.75]]) * np.array([[1, 2, 3], [4, 5, 6]])
    return [list(joint.sum(axis=1 - v) / joint.sum()) for v in (0, 1)]


def test_the_main_job(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["infer", MODEL, "--evidence", EVIDENCE, "--task", "MAR", "--method", "gibbs", "--seed", "0"]) == 0
    shown = capsys.readouterr().out
    found = re.search(r"^13 +0: (0\.\d+)", shown, re.MULTILINE)
    assert found is not None
    assert abs(float(found[1]) - 0.7649) < 0.02
    assert "... and 40 more; --output FILE writes all" in shown
    assert "64 chains x 1,000 sweeps" in shown
    assert "seed 0" in shown


@pytest.mark.parametrize("method", [[], ["--method", "exact"]])
def test_marginals_are_those_of_the_file_beside(method: list[str], tmp_path: Path) -> None:
    out = tmp_path / "hepar2.uai.MAR"
    assert main(["infer", MODEL, "--evidence", EVIDENCE, *method, "--memory", "500M", "--output", str(out)]) == 0
    known, found = read_uai_result(MODEL + ".MAR").marginals, read_uai_result(out).marginals
    assert np.abs(np.concatenate(found) - np.concatenate(known)).max() < 1e-9


@needs_jit
def test_time_ends_a_run(pair: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["infer", pair, "--method", "gibbs", "--time", "0.2", "--seed", "1", "--chains", "16"]) == 0
    assert "16 chains" in capsys.readouterr().out


@pytest.mark.fast
def test_a_table(pair: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["infer", pair, *COMMON]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("variable  probabilities")
    for line, wanted in zip(lines[1:3], exact(), strict=True):
        cells = [float(p) for p in re.findall(r": (0\.\d{4})", line)]
        assert np.allclose(cells, wanted, atol=0.03)


def joint(evidence: dict[int, int]) -> np.ndarray:
    weights = np.array([[0.25], [0.75]]) * np.array([[1, 2, 3], [4, 5, 6]])
    keep = np.ones((2, 3), bool)
    for axis, state in evidence.items():
        keep &= np.indices((2, 3))[axis] == state
    return np.where(keep, weights, 0.0)


@pytest.mark.parametrize(("words", "evidence"), [([], {}), (["--evidence", "0=0"], {0: 0}), (["--evidence", "1=1"], {1: 1})])
def test_the_partition_function(
    words: list[str], evidence: dict[int, int], pair: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = float(joint(evidence).sum())
    assert main(["infer", pair, "--task", "PR", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    shown = [float(line.split()[2]) for line in lines[:2]]
    assert np.allclose(shown, [np.log(known), np.log10(known)], atol=1e-8)
    assert "exact" in lines[0]
    for form in ("uai", "json", "csv"):
        assert main(["infer", pair, "--task", "PR", *words, "--output", str(tmp_path / f"out.{form}")]) == 0
    assert np.isclose(float((tmp_path / "out.uai").read_text(encoding="utf-8").split()[1]), np.log10(known))
    assert np.isclose(read_uai_result(tmp_path / "out.uai").log_partition, np.log(known))
    whole = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert np.isclose(whole["log_z"], np.log(known))
    assert whole["exact"] is True
    with (tmp_path / "out.csv").open(encoding="utf-8") as opened:
        (row,) = csv.DictReader(opened)
    assert np.isclose(float(row["log10_z"]), np.log10(known))


@pytest.mark.parametrize("task", ["MAP", "MPE"])
@pytest.mark.parametrize(("words", "evidence"), [([], {}), (["--evidence", "0=0"], {0: 0}), (["--evidence", "1=0"], {1: 0})])
def test_the_most_probable_state(
    task: str, words: list[str], evidence: dict[int, int], pair: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = joint(evidence)
    best = [int(i) for i in np.unravel_index(weights.argmax(), weights.shape)]
    assert main(["infer", pair, "--task", task, *words]) == 0
    shown = capsys.readouterr().out
    assert [line.split() for line in shown.splitlines()[1:3]] == [["0", str(best[0])], ["1", str(best[1])]]
    assert f"log score {np.log(weights.max()):.6f}, optimal" in shown
    for form in ("uai", "json", "csv"):
        assert main(["infer", pair, "--task", task, *words, "--output", str(tmp_path / f"out.{form}")]) == 0
    assert (tmp_path / "out.uai").read_text(encoding="utf-8") == f"{task}\n2 {best[0]} {best[1]}\n"
    whole = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert whole["state"] == {"0": str(best[0]), "1": str(best[1])}
    assert whole["status"] == "optimal"
    with (tmp_path / "out.csv").open(encoding="utf-8") as opened:
        assert [int(row["state"]) for row in csv.DictReader(opened)] == best


@pytest.mark.fast
def test_sizes_of_memory() -> None:
    sizes = {"1": 1, "500M": 5 * 10**8, "500mb": 5 * 10**8, "2G": 2 * 10**9, "1.5GB": 15 * 10**8, "2Gi": 2**31, "3KiB": 3072}
    assert {words: bytes_of(words) for words in sizes} == sizes
    for words in ("", "0", "-1", "1e9", "two", "2 G x", "0.2", "9" * 400, "inf"):
        with pytest.raises(si.StochinfError, match="--memory"):
            bytes_of(words)


@pytest.mark.fast
def test_uai_output(pair: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "pair.MAR"
    assert main(["infer", pair, *COMMON, "--output", str(out)]) == 0
    assert capsys.readouterr().out == ""
    words = out.read_text(encoding="utf-8").split()
    assert words[0] == "MAR"
    assert [int(words[k]) for k in (1, 2, 5)] == [2, 2, 3]
    assert np.allclose([float(word) for word in words[3:5]], exact()[0], atol=0.03)
    assert np.allclose([float(word) for word in words[6:9]], exact()[1], atol=0.03)


@pytest.mark.fast
def test_json_and_csv_agree(pair: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {form: tmp_path / f"out.{form}" for form in ("json", "csv")}
    for file in files.values():
        assert main(["infer", pair, *COMMON, "--evidence", "0=1", "--output", str(file)]) == 0
    whole = json.loads(files["json"].read_text(encoding="utf-8"))
    assert whole["seed"] == "1"
    assert whole["method"] == "gibbs"
    assert whole["marginals"]["0"]["probabilities"] == [0.0, 1.0]
    assert whole["marginals"]["0"]["rhat"] is None
    with files["csv"].open(encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    assert [(row["variable"], row["state"]) for row in rows] == [("0", "0"), ("0", "1"), ("1", "0"), ("1", "1"), ("1", "2")]
    assert np.allclose([float(row["probability"]) for row in rows[2:]], whole["marginals"]["1"]["probabilities"], rtol=1e-6)
    assert main(["infer", pair, *COMMON, "--evidence", "0=1", "--format", "csv"]) == 0
    assert capsys.readouterr().out == files["csv"].read_text(encoding="utf-8")


@pytest.mark.fast
def test_the_same_seed_the_same_file(pair: str, tmp_path: Path) -> None:
    files = [tmp_path / f"{k}.MAR" for k in range(3)]
    for file, seed in zip(files, ("5", "5", "6"), strict=True):
        main(["infer", pair, *COMMON[:-2], "--seed", seed, "--output", str(file)])
    first, second, third = (file.read_text(encoding="utf-8") for file in files)
    assert first == second != third


@pytest.mark.fast
def test_evidence_from_a_file_and_in_words(pair: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    observed = tmp_path / "pair.uai.evid"
    observed.write_text("1 0 1", encoding="utf-8")
    assert main(["infer", pair, "--evidence", str(observed), "1=2"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^0 +0: 0\.0000  1: 1\.0000", shown, re.MULTILINE)
    assert re.search(r"^1 +0: 0\.0000  1: 0\.0000  2: 1\.0000", shown, re.MULTILINE)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("more", "culprit"),
    [
        (["--evidence", "7=1"], "no variable '7'"),
        (["--evidence", "1=5"], "1 has the states 0, 1, 2"),
        (["--evidence", "nowhere.evid"], "nowhere.evid"),
        (["--chains", "0"], "chains = 0"),
        (["--draws", "-3"], "draws = -3"),
        (["--warmup", "-1"], "warmup = -1"),
        (["--time", "-1"], "-1"),
        (["--mcse", "0"], "0"),
        (["--seed", "-4"], "-4"),
        (["--threads", "0"], "threads = 0"),
        (["--method", "magic"], "magic"),
        (["--memory", "lots"], "--memory 'lots'"),
        (["--task", "MAP", "--draws", "5"], "--draws 5"),
        (["--task", "MPE", "--method", "magic"], "magic"),
        (["--task", "PR", "--method", "magic"], "magic"),
        (["--task", "PR", "--evidence", "0=9"], "0 has the states 0, 1"),
        (["--output", "/no/such/folder/out.MAR", *COMMON], "/no/such/folder/out.MAR"),
    ],
)
def test_bad_input_is_code_2(more: list[str], culprit: str, pair: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["infer", pair, *more]) == 2
    said = capsys.readouterr().err
    assert culprit in said
    assert said.startswith("stochinf: ")
    assert "Traceback" not in said


@pytest.mark.fast
@pytest.mark.parametrize("text", ["", "MARKOV\n2\n2", PAIR[:-4], PAIR.replace("0.75", "nan"), PAIR.replace("MARKOV", "MARKOW")])
def test_damaged_models_are_code_2(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bad.uai"
    file.write_text(text, encoding="utf-8")
    assert main(["infer", str(file)]) == 2
    assert "bad.uai" in capsys.readouterr().err


@pytest.mark.fast
@pytest.mark.parametrize("words", [[], ["infer"], ["dance"], ["infer", "m", "--task", "MMAP"], ["infer", "m", "--seed", "x"]])
def test_wrong_words_are_code_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage: stochinf" in capsys.readouterr().err


@pytest.mark.fast
def test_chains_that_disagree_are_code_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "split.uai"
    file.write_text(SPLIT, encoding="utf-8")
    assert main(["infer", str(file), *COMMON]) == 3
    said = capsys.readouterr()
    assert "not converged: R-hat of variable" in said.err
    assert "variable" in said.out


def test_ctrl_c_is_code_130(pair: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    import stochinf.api.marginals

    monkeypatch.setattr(stochinf.api.marginals, "marginals", interrupted)
    assert main(["infer", pair]) == 130


@needs_jit
def test_a_real_ctrl_c_prints_what_there_is() -> None:
    assert main(["infer", MODEL, "--evidence", EVIDENCE, "--method", "gibbs", "--draws", "300", "--seed", "1"]) in (0, 3)
    words = ["infer", MODEL, "--evidence", EVIDENCE, "--method", "gibbs", "--draws", "100000000", "--seed", "1"]
    listening = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    imports = "import sys; from stochinf.cli import main; import stochinf.api.marginals"
    code = f"{listening}; {imports}; print('ready', flush=True); sys.exit(main({words}))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(3.0)
        process.send_signal(signal.SIGINT)
        try:
            shown, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "chains x" in shown or "before the first answer" in said


@pytest.mark.fast
@pytest.mark.parametrize(("interrupted", "code"), [(False, 3), (True, 130)])
def test_without_an_answer_nothing_is_written(
    interrupted: bool, code: int, pair: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import stochinf.api.marginals

    result = si.marginals(si.read_graph(pair), method="exact")
    nothing = replace(result, probability=np.full(5, np.nan), exact=False, interrupted=interrupted)
    monkeypatch.setattr(stochinf.api.marginals, "marginals", lambda *arguments, **named: nothing)
    assert main(["infer", pair, "--output", str(tmp_path / "none.MAR")]) == code
    assert "before the first answer" in capsys.readouterr().err
    assert not (tmp_path / "none.MAR").exists()


@pytest.mark.fast
def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    facts = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if not line.startswith("compiled"))
    assert facts["stochinf"] == si.__version__
    assert int(facts["processors"]) >= 1


@pytest.mark.fast
def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    for words, wanted in (
        (["--version"], f"stochinf {si.__version__}"),
        (["--help"], "infer"),
        (["infer", "--help"], "--evidence"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0
        assert wanted in capsys.readouterr().out


@pytest.mark.fast
def test_precompile_is_asked_to_report(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    stand_in = ModuleType("stochinf.api.precompiling")
    stand_in.precompile = lambda report=print: report("compiled")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "stochinf.api.precompiling", stand_in)
    assert main(["precompile"]) == 0
    assert capsys.readouterr().out == "compiled\n"


@pytest.mark.fast
def test_the_program_itself_leaves_with_the_code() -> None:
    done = python("import sys; from stochinf.cli import main; sys.exit(main(['infer', 'nowhere.uai']))", check=False)
    assert done.returncode == 2
    assert "nowhere.uai" in done.stderr


@needs_jit
def test_precompile_says_what_it_does() -> None:
    from stochinf.api.precompiling import COMMON, precompile

    said: list[str] = []
    for _ in range(2):
        precompile(said.append, COMMON[:1])
    assert said[0].startswith("cache: ")
    assert said[1].startswith("coin by Metropolis: ")
    assert "compiled" not in said[3]


@pytest.mark.fast
@pytest.mark.parametrize(
    "words", [["check"], ["convert"], ["convert", "a.uai"], ["check", "a", "b"], ["precompile", "x"], ["info", "x"]]
)
def test_too_few_or_too_many_words(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2


@pytest.mark.fast
def test_what_single_moves_cannot_reach_is_code_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "locked.uai"
    file.write_text("MARKOV\n2\n2 2\n1\n2 0 1\n4\n1 0 0 1\n", encoding="utf-8")
    assert main(["infer", str(file), *COMMON]) == 3
    assert "not ergodic" in capsys.readouterr().err
