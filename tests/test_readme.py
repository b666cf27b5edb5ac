"""What the README shows is what happens."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from documents import ROOT, blocks, run_page

README = ROOT / "README.md"


def test_its_code_prints_what_it_shows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(blocks(README)) >= 2
    assert run_page(README) == []


def test_its_first_command_does_the_main_job(tmp_path: Path) -> None:
    commands = re.findall(r"^```sh\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    setup, job = commands[0].strip().split(" && ")
    assert setup == "python -m pip install -e '.[test]'"
    assert commands[1].strip() == "python -m pytest"
    program, *arguments = job.split()
    assert program == "stochinf"
    table = subprocess.run(
        [sys.executable, "-c", "import sys, stochinf.cli; sys.exit(stochinf.cli.main(sys.argv[1:]))", *arguments, "--seed", "0"],
        cwd=ROOT, capture_output=True, text=True, check=True, env=dict(os.environ),
    ).stdout  # fmt: skip
    found = re.search(r"^13 +0: (0\.\d+)", table, re.MULTILINE)
    assert found is not None
    assert abs(float(found[1]) - 0.7649) < 0.02


def test_the_commands_of_its_table_exist() -> None:
    for program in re.findall(r"`python (benchmarks/\w+\.py|examples/\w+\.py)", README.read_text(encoding="utf-8")):
        assert (ROOT / program).is_file(), program
