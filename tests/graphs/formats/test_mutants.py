"""Damaged files of every format: read, or refused by our error, in a second each and little memory."""

import json
import sys
import time

import pytest
from graphs.formats import mutants
from parts_for_tests import python

from stochinf.engine.errors import MemoryLimitError

FEW, MANY = 300, 20_000


@pytest.mark.fast
@pytest.mark.parametrize("form", mutants.FORMS)
def test_mutants_are_read_or_refused(form):
    seen = mutants.outcomes(form, FEW)
    assert set(seen) <= {"read", "GraphError", "MemoryLimitError"}
    assert seen["GraphError"] > FEW / 4


@pytest.mark.slow
@pytest.mark.parametrize("form", mutants.FORMS)
def test_many_mutants_in_little_memory(form):
    """In a process that may take 512 MiB beyond what it has once everything is imported."""
    code = f"import sys\nsys.path[:0] = {sys.path!r}\nfrom graphs.formats import mutants\nmutants.confined({form!r}, {MANY})"
    seen = json.loads(python(code).stdout)
    assert set(seen) <= {"read", "GraphError", "MemoryLimitError"}
    assert seen["GraphError"] > MANY / 4
    assert seen["read"] > MANY / 200


@pytest.mark.fast
@pytest.mark.parametrize("form", mutants.BOMBS)
def test_tables_of_2_to_the_40_are_refused_at_once(form):
    read, data = mutants.BOMBS[form]
    start = time.process_time()
    with pytest.raises(MemoryLimitError):
        read(data)
    assert time.process_time() - start < 0.1
