"""The contest solver: right answers in the right file, whole at any moment, never late."""

import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from parts_for_tests import needs_jit, python

import stochinf as si
from stochinf.cli import main
from stochinf.commands.anytime import _better, guess
from stochinf.commands.solver import AnswerFile, limits
from stochinf.graphs.conditioning import conditioned
from stochinf.graphs.evidence import check_evidence
from stochinf.graphs.formats import parse_uai_result, read_uai_result

PAIR = "MARKOV\n2\n2 3\n2\n1 0\n2 0 1\n2\n0.25 0.75\n6\n1 2 3 4 5 6\n"
JOINT = np.array([[0.25], [0.75]]) * np.array([[1, 2, 3], [4, 5, 6]])
ENVIRONMENT = ("INF_TIME", "INF_MEMORY", "TIMESEC", "MEMKB")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of one's own beside the folder of the models, and an empty environment."""
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "models").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@pytest.fixture
def pair(folder: Path) -> list[str]:
    """The words of a call but for the task; variable 1 is seen in state 1."""
    model, evidence = folder / "models" / "pair.uai", folder / "models" / "pair.uai.evid"
    model.write_text(PAIR, encoding="utf-8")
    evidence.write_text("1 1 1\n", encoding="utf-8")
    return ["solver", str(model), str(evidence), "no-such.query"]


def grid(file: Path, side: int, seed: int = 0) -> int:
    """Write a grid of binary variables with strong couplings; return how many."""
    rng = np.random.default_rng(seed)
    number = np.arange(side * side).reshape(side, side)
    edges = np.concatenate([np.stack([number[:, :-1], number[:, 1:]], -1).reshape(-1, 2),
                            np.stack([number[:-1], number[1:]], -1).reshape(-1, 2)])  # fmt: skip
    lines = ["MARKOV", str(number.size), " ".join("2" * number.size), str(number.size + len(edges))]
    lines += [f"1 {v}" for v in range(number.size)] + [f"2 {a} {b}" for a, b in edges]
    lines += [f"2\n{a} {1 - a}" for a in rng.uniform(0.2, 0.8, number.size)]
    lines += [f"4\n{w} {1 / w} {1 / w} {w}" for w in np.exp(rng.normal(size=len(edges)))]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    file.with_name(file.name + ".evid").write_text("0\n", encoding="utf-8")
    return number.size


def test_answers_lie_in_the_working_directory(pair: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INF_TIME", "3600")
    monkeypatch.setenv("INF_MEMORY", "2.5")
    for task in ("MAR", "PR", "MPE", "MAP"):
        assert main([*pair, task]) == 0
    seen = np.where(np.arange(3) == 1, JOINT, 0.0)
    marginals = read_uai_result("pair.uai.MAR").marginals
    assert np.allclose(marginals[0], seen.sum(1) / seen.sum(), atol=1e-9)
    assert marginals[1].tolist() == [0.0, 1.0, 0.0]
    assert np.isclose(read_uai_result("pair.uai.PR").log_partition, np.log(seen.sum()), atol=1e-9)
    assert Path("pair.uai.MPE").read_text(encoding="utf-8") == "MPE\n2 1 1\n"
    assert Path("pair.uai.MAP").read_text(encoding="utf-8") == "MAP\n2 1 1\n"
    assert sorted(file.name for file in Path().iterdir()) == [f"pair.uai.{task}" for task in ("MAP", "MAR", "MPE", "PR")]


@pytest.mark.fast
@pytest.mark.parametrize(
    ("name", "value", "culprit"),
    [
        ("INF_TIME", "soon", "INF_TIME = 'soon'"), ("INF_TIME", "-3", "INF_TIME = '-3'"), ("INF_TIME", "nan", "INF_TIME"),
        ("INF_MEMORY", "0", "INF_MEMORY = '0'"), ("INF_MEMORY", "2G", "INF_MEMORY = '2G'"), ("MEMKB", "x", "MEMKB"),
        ("TIMESEC", "inf", "TIMESEC"),
    ],
)  # fmt: skip
def test_a_bad_environment_is_code_2(
    name: str, value: str, culprit: str, pair: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    assert main([*pair, "MAR"]) == 2
    assert culprit in capsys.readouterr().err
    assert list(Path().iterdir()) == []


@pytest.mark.fast
def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    assert limits() == (60.0, None)
    monkeypatch.setenv("TIMESEC", "1200")
    monkeypatch.setenv("MEMKB", "8000000")
    assert limits() == (1200.0, 6_900_000_000)
    monkeypatch.setenv("INF_TIME", "20")
    monkeypatch.setenv("INF_MEMORY", "2.5")
    assert limits() == (20.0, 1_950_000_000)


def test_what_the_caller_spent_before_does_not_count(pair: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    spent = time.process_time
    monkeypatch.setattr(time, "process_time", lambda: spent() + 3600.0)
    assert main([*pair, "MPE"]) == 0
    assert Path("pair.uai.MPE").read_text(encoding="utf-8") == "MPE\n2 1 1\n"


@pytest.mark.fast
def test_a_caller_is_given_back_control_when_time_is_up(pair: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INF_TIME", "1e-9")
    assert main([*pair, "MPE"]) in (0, 1)


@pytest.mark.fast
def test_the_age_of_a_process_counts_from_its_start() -> None:
    code = "import time; time.sleep(0.5); from stochinf.commands.solver import age; print(age(), time.process_time())"
    began = time.monotonic()
    lived, spent = (float(word) for word in python(code).stdout.split())
    assert spent <= lived <= time.monotonic() - began + 0.05


@pytest.mark.fast
def test_trust() -> None:
    graph = si.FactorGraph([2, 2], [(0, 1)], [[1, 2, 3, 4]])
    exact = si.marginals(graph, method="exact")
    facts = {"exact": False, "method": "x"}
    settled, loose = (replace(exact, **facts, facts={"converged": value}) for value in (True, False))
    agreeing, quarrelling = (replace(exact, **facts, sweeps=10, worst_rhat=np.full(2, rhat)) for rhat in (1.02, 1.9))
    stuck = replace(agreeing, warnings=("not ergodic: zeros",))
    order = [exact, agreeing, settled, stuck, quarrelling, loose]
    for place, better in enumerate(order):
        assert _better(better, None)
        assert all(_better(better, worse) for worse in order[place + 1 :])
        assert not any(_better(worse, better) for worse in order[place + 1 :])


@pytest.mark.fast
@pytest.mark.parametrize(
    ("change", "culprit"),
    [({1: "nowhere.uai"}, "nowhere.uai"), ({1: "models"}, "models"), ({2: "nowhere.evid"}, "nowhere.evid")],
)
def test_bad_files_are_code_2(change: dict[int, str], culprit: str, pair: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    words = [change.get(place, word) for place, word in enumerate(pair)]
    assert main([*words, "MAR"]) == 2
    said = capsys.readouterr().err
    assert culprit in said
    assert "Traceback" not in said
    assert list(Path().iterdir()) == []


@pytest.mark.fast
def test_bad_evidence_is_code_2(pair: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path(pair[2]).write_text("1 7 0", encoding="utf-8")
    assert main([*pair, "PR"]) == 2
    assert "variable 7" in capsys.readouterr().err


@pytest.mark.fast
@pytest.mark.parametrize("words", [["solver"], ["solver", "m", "e", "q"], ["solver", "m", "e", "q", "MMAP"]])
def test_wrong_words_are_code_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage: stochinf solver" in capsys.readouterr().err


@pytest.mark.fast
def test_the_guess_of_a_model_of_lonely_variables_is_exact() -> None:
    tables = [[1, 3], [2, 2, 4], [5, 1], [0, 7]]
    graph = si.FactorGraph([2, 3, 2], [(0,), (1,), (0,), (2,)], tables)
    clamped = check_evidence(graph, {1: 2})
    left = conditioned(graph, clamped)
    answer = {task: parse_uai_result(guess(left, clamped, graph, task).encode()) for task in ("MAR", "PR", "MPE")}
    assert [row.tolist() for row in answer["MAR"].marginals[1:]] == [[0, 0, 1], [0, 1]]
    assert np.allclose(answer["MAR"].marginals[0], [5 / 8, 3 / 8])
    assert np.isclose(answer["PR"].log_partition, np.log(8 * 4 * 7))
    assert answer["MPE"].states == [0, 2, 1]


@pytest.mark.fast
def test_the_guess_where_nothing_is_free() -> None:
    graph = si.FactorGraph([2, 2], [(0, 1)], [[1, 2, 3, 4]])
    clamped = check_evidence(graph, {0: 1, 1: 0})
    left = conditioned(graph, clamped)
    assert np.isclose(parse_uai_result(guess(left, clamped, graph, "PR").encode()).log_partition, np.log(3))
    assert guess(left, clamped, graph, "MAP") == "MAP\n2 1 0\n"


@pytest.mark.fast
def test_a_reader_never_sees_a_piece(tmp_path: Path) -> None:
    file = AnswerFile(tmp_path / "model.uai.PR")
    file.write("PR\n1.0\n")
    with file.path.open(encoding="utf-8") as before:
        file.write("PR\n2.0\n")
        assert before.read() == "PR\n1.0\n"
    assert file.path.read_text(encoding="utf-8") == "PR\n2.0\n"
    assert [found.name for found in tmp_path.glob("*model.*")] == ["model.uai.PR"]


def started(model: Path, task: str, seconds: float, folder: Path | None = None) -> "subprocess.Popen[str]":
    words = ["solver", str(model), f"{model}.evid", "q", task]
    code = f"import sys; from stochinf.cli import main; sys.argv[1:] = {words!r}; sys.exit(main())"
    environment = {**os.environ, "INF_TIME": str(seconds), "INF_MEMORY": "1"}
    return subprocess.Popen([sys.executable, "-c", code], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)


def whole(file: Path, task: str, variables: int) -> bool:
    """Whether a result file is a whole answer for so many variables."""
    result = read_uai_result(file)
    if task == "MAR":
        return len(result.marginals) == variables and all(abs(row.sum() - 1) < 1e-9 for row in result.marginals)
    return len(result.states) == variables if task == "MPE" else bool(np.isfinite(result.log_partition))


def wait_for(file: Path, process: "subprocess.Popen[str]") -> None:
    """Return as soon as a file is there, or a process has ended."""
    while not file.exists() and process.poll() is None:
        time.sleep(0.02)


@pytest.fixture(scope="module")
def seconds_needed(tmp_path_factory: pytest.TempPathFactory) -> float:
    """Processor seconds to a first answer, on this machine at this hour, with everything compiled."""
    folder = tmp_path_factory.mktemp("solver")
    grid(folder / "grid.uai", 40)
    spent = [0.0]
    for task in ("MAR", "PR", "MPE") * 2:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process = started(folder / "grid.uai", task, 240.0, folder)
        file = folder / f"grid.uai.{task}"
        wait_for(file, process)
        process.terminate()
        process.communicate(timeout=60)
        file.unlink()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return max(spent[-3:])


@needs_jit
@pytest.mark.usefixtures("seconds_needed")
@pytest.mark.parametrize(("task", "number"), [("MAR", signal.SIGKILL), ("MPE", signal.SIGTERM), ("PR", signal.SIGTERM)])
def test_killed_at_any_moment_it_leaves_a_whole_answer(task: str, number: signal.Signals, folder: Path) -> None:
    model = folder / "models" / "grid.uai"
    variables = grid(model, 40)
    file = Path(f"grid.uai.{task}")
    found = 0
    for after in (0.3, 0.8, 1.6, 0.0):
        file.unlink(missing_ok=True)
        process = started(model, task, 60.0)
        if after:
            time.sleep(after)
        else:
            wait_for(file, process)
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
        if file.exists():
            found += 1
            assert whole(file, task, variables)
            assert process.returncode in ((0,) if number == signal.SIGTERM else (0, -9)), said
        assert "Traceback" not in said
    assert found


@needs_jit
@pytest.mark.parametrize("task", ["MAR", "PR", "MPE"])
def test_it_ends_in_time(task: str, folder: Path, seconds_needed: float) -> None:
    model = folder / "models" / "grid.uai"
    variables = grid(model, 40)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    limit = max(4.0, 2.0 * seconds_needed)
    process = started(model, task, limit)
    _, said = process.communicate(timeout=20 * limit)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < limit
    if os.getloadavg()[0] < (os.cpu_count() or 1):
        assert time.monotonic() - began < 2 * limit
    assert process.returncode == 0, said
    assert whole(Path(f"grid.uai.{task}"), task, variables)
