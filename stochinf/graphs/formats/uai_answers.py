"""UAI result files, in and out: MAR, MAP, MPE and PR, and evidence out.

PR is the logarithm to base 10 of the partition function in the file, the natural logarithm here. A file may hold several
answers, each after a line ``-BEGIN-``: the last complete one counts. The dialect of 2010 has the number of samples, 1, after
the word.

References
----------
UAI 2014 Inference Competition, "Result format"; UAI 2010 Approximate Inference Challenge, "Result format".
"""

import math
import os
import re
from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple, TextIO

import numpy as np

from stochinf.engine.errors import GraphError
from stochinf.graphs.evidence import check_assignment, check_evidence
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import Floats
from stochinf.graphs.formats.numbers import decimals
from stochinf.graphs.formats.textfile import MAX_BYTES, Path, Tokens, read_bytes, write_bytes
from stochinf.graphs.naming import quote

__all__ = ["UaiResult", "evidence_text", "parse_uai_result", "read_uai_result", "write_uai_partition", "write_uai_state"]

TASKS = ("MAR", "MAP", "MPE", "PR")
IMPOSSIBLE = "-inf"
"""log Z of a model without a possible state, or of impossible evidence."""


class UaiResult(NamedTuple):
    """What a UAI result file holds.

    Attributes
    ----------
    task : str
        MAR, MAP, MPE or PR.
    marginals : list of float64 arrays
        MAR: the probabilities of each variable's states, else empty.
    states : list of int
        MAP and MPE: the number of each variable's state, else empty.
    log_partition : float
        PR: the natural logarithm, else NaN.
    """

    task: str
    marginals: list[Floats]
    states: list[int]
    log_partition: float


def read_uai_result(path: Path, max_bytes: int = MAX_BYTES) -> UaiResult:
    """Read a UAI result file, the last complete answer in it.

    Raises
    ------
    GraphError
        If the file breaks a rule of the format, or cannot be opened.
    MemoryLimitError
        If the (decompressed) file is longer than ``max_bytes``.
    """
    return parse_uai_result(read_bytes(path, max_bytes), str(path))


def parse_uai_result(data: bytes, source: str = "<bytes>") -> UaiResult:
    r"""Read the last complete answer from the bytes of a UAI result file; as `read_uai_result`.

    >>> parse_uai_result(b"MAP\n3 0 1 1").states
    [0, 1, 1]
    >>> round(parse_uai_result(b"PR\n-BEGIN-\n-1.0\n-BEGIN-\n-2.0\n").log_partition, 4)
    -4.6052
    """
    pieces = re.split(rb"-BEGIN-", data)
    words = Tokens(pieces[0], source, (*TASKS, IMPOSSIBLE))
    task = words.word("MAR, MAP, MPE or PR")
    if task not in TASKS:
        raise GraphError(f"{source}: the first word is {quote(task)}; a result starts with MAR, MAP, MPE or PR")
    rest = words.take(len(words) - 1, "the answer")
    if len(pieces) == 1:
        return _answer(task, rest, source)
    error: GraphError | None = None
    for piece in reversed(pieces[1:]):
        answer = Tokens(piece, source, (IMPOSSIBLE,))
        try:
            return _answer(task, answer.take(len(answer), "the answer"), source)
        except GraphError as wrong:
            error = error or wrong
    raise error or GraphError(f"{source}: no answer")


def _answer(task: str, words: list[str], source: str) -> UaiResult:
    def blame(position: int, complaint: str) -> None:
        raise GraphError(f"{source}: {task}: {quote(words[position])} {complaint}")

    if task == "PR" and words[-1:] == [IMPOSSIBLE] and words[:-1] in ([], ["1"]):
        return UaiResult(task, [], [], -math.inf)
    numbers = decimals(words, blame)
    for first in (0, 1) if numbers[:1].tolist() == [1.0] else (0,):
        found = _taken(task, numbers[first:])
        if found is not None:
            return found
    needed = {"PR": "one number", "MAR": "the number of variables, then for each the number of its states and probabilities"}
    raise GraphError(
        f"{source}: {task} with {numbers.size} numbers; it has {needed.get(task, 'the number of variables and states')}"
    )


def _taken(task: str, numbers: Floats) -> UaiResult | None:
    """Return the answer if the numbers are one, all of them."""
    if task == "PR":
        return UaiResult(task, [], [], float(numbers[0]) * math.log(10)) if numbers.size == 1 else None
    if not numbers.size or not 0 <= numbers[0] < numbers.size or numbers[0] % 1:
        return None
    if task != "MAR":
        states = numbers[1:]
        whole = states.size == numbers[0] and (states % 1 == 0).all() and (states >= 0).all() and (states < 2**31).all()
        return UaiResult(task, [], [int(state) for state in states], math.nan) if whole else None
    rows, position = [], 1
    for _ in range(int(numbers[0])):
        if position >= numbers.size or not 1 <= numbers[position] < numbers.size - position or numbers[position] % 1:
            return None
        stop = position + 1 + int(numbers[position])
        rows.append(numbers[position + 1 : stop])
        position = stop
    return UaiResult(task, rows, [], math.nan) if position == numbers.size else None


def evidence_text(evidence: Mapping[Any, Hashable], graph: FactorGraph) -> str:
    r"""Return evidence in UAI format: ``k v_1 s_1 ... v_k s_k``, by number.

    Raises
    ------
    GraphError
        If the evidence names what the graph lacks.

    Examples
    --------
    >>> graph = FactorGraph([2], [(0,)], [[1, 2]], names=["A"], states=[["off", "on"]])
    >>> evidence_text({"A": "on"}, graph)
    '1 0 1\n'
    """
    chosen = check_evidence(graph, evidence)
    pairs = [f"{v} {chosen[v]}" for v in np.flatnonzero(chosen >= 0).tolist()]
    return " ".join([str(len(pairs)), *pairs]) + "\n"


def write_uai_state(state: Mapping[Any, Hashable], graph: FactorGraph, path_or_file: Path | TextIO, task: str = "MAP") -> None:
    """Write the most probable state as a UAI result file, states by number in the order of the variables.

    Parameters
    ----------
    state : dict
        The label of every variable.
    graph : FactorGraph
        Whose variables they are.
    path_or_file : str, path or text file
        Where to; an existing file is replaced.
    task : {"MAP", "MPE"}
        The first word.

    Raises
    ------
    GraphError
        If a variable or label is missing or unknown, or the file cannot be written.
    """
    if task not in ("MAP", "MPE"):
        raise GraphError(f"task is {quote(task)}; 'MAP' or 'MPE' is needed")
    chosen = check_assignment(graph, state).tolist()
    _put(f"{task}\n{' '.join(map(str, [len(chosen), *chosen]))}\n", path_or_file)


def write_uai_partition(log_partition: float, path_or_file: Path | TextIO) -> None:
    """Write a natural logarithm of a partition function as a UAI result file, to base 10.

    Parameters
    ----------
    log_partition : float
        Finite, or -inf.
    path_or_file : str, path or text file
        Where to; an existing file is replaced.

    Raises
    ------
    GraphError
        If the number is NaN or +inf, or the file cannot be written.

    Examples
    --------
    >>> import sys
    >>> write_uai_partition(2.302585092994046, sys.stdout)
    PR
    1.0
    """
    if not log_partition < math.inf:
        raise GraphError(f"log_partition is {quote(log_partition)}; a number below infinity is needed")
    _put(f"PR\n{float(log_partition) / math.log(10)!r}\n", path_or_file)


def _put(text: str, path_or_file: Path | TextIO) -> None:
    if isinstance(path_or_file, (str, os.PathLike)):
        write_bytes(path_or_file, text.encode("ascii"))
    else:
        path_or_file.write(text)
