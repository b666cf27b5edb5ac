"""Damaged files of DeepDive, up to the point where learning would begin: our error, or a lesson to learn."""

import random
from collections import Counter
from typing import Any

import pytest
from graphs.formats import mutants

from stochinf.engine.errors import StochinfError
from stochinf.graphs.formats.deepdive import DeepDive
from stochinf.learning.bounds import refuse_extremes
from stochinf.learning.contrastive import lesson_of
from stochinf.learning.model import learning_model
from stochinf.learning.observations import observations

FEW, MANY = 200, 20_000


def lesson(made: DeepDive) -> Any:
    """What chains would learn from, as `learn_weights` makes it of a folder."""
    model = learning_model(made.graph)
    seen = observations(made.graph, None, {**made.truthiness, **made.evidence}, made.given, None)
    refuse_extremes(model, seen)
    return lesson_of(model, seen, False)


def outcomes(form: str, number: int) -> Counter[str]:
    """How many mutants can be learnt from, and how many are refused; any other error is raised."""
    rng, (read, bases), found = random.Random(7), mutants.FORMS[form], Counter[str]()
    alphabet = bytes(range(256)) if form == "deepdive" else b"0123456789-+.eEnaif \n\x00\xff{}();,<>/"
    for i in range(number):
        data = mutants.mutant(rng, bases[i % len(bases)], [*mutants.NUMBERS, *mutants.WORDS[form]], alphabet)
        if not data:
            continue
        try:
            made = lesson(read(data))
            found["learnable" if made.dim else "nothing"] += 1
        except StochinfError as error:
            found["refused"] += len(str(error)) > 0
    return found


@pytest.mark.fast
@pytest.mark.parametrize("form", ["deepdive", "deepdive text"])
def test_mutants_are_learnt_from_or_refused(form: str) -> None:
    assert outcomes(form, FEW)["refused"] > FEW / 4


@pytest.mark.slow
@pytest.mark.parametrize("form", ["deepdive", "deepdive text"])
def test_many_mutants_are_learnt_from_or_refused(form: str) -> None:
    found = outcomes(form, MANY)
    assert found["refused"] > MANY / 4
    assert not found["nothing"]
