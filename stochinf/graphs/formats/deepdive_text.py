"""Factor graphs of DeepDive's sampler in tab-separated text, as its tests have them.

``variables*.tsv`` (id, role, value, type, number of states), ``weights*.tsv`` (id, fixed, value), ``domains*.tsv`` (variable,
number of values, ``{values}``, ``{truthiness}``) and pairs of ``factorsX.tsv`` and ``factorsX.text2bin-args``: the arguments are
the function, the number of literals and, for each, the value to compare with; the lines hold the variables, for
function 12 (AND of categorical variables) the values, then weight and feature value.

References
----------
DimmWitted sampler (HazyResearch), documentation, "Factor graph in textual format".
"""

from pathlib import Path as FilePath
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.graphs.flat import Floats
from stochinf.graphs.formats.deepdive import DeepDive, Factors, assembled, ordered
from stochinf.graphs.formats.numbers import decimals
from stochinf.graphs.formats.textfile import MAX_BYTES, read_bytes
from stochinf.graphs.naming import quote

__all__ = ["parse_deepdive_text", "read_deepdive_text"]

_CATEGORICAL = 12
_VARIABLE = np.dtype([("id", "u8"), ("role", "u1"), ("value", "u8"), ("type", "u2"), ("states", "u8")])
_VALUE = np.dtype([("value", "u8"), ("truthiness", "f8")])


def read_deepdive_text(folder: FilePath, max_bytes: int = MAX_BYTES) -> DeepDive:
    """Read the text files of a factor graph in a folder.

    Raises
    ------
    GraphError
        If a file breaks a rule of the format or cannot be opened, naming file and line.
    MemoryLimitError
        If a file is too long.
    """
    files = [file for file in sorted(folder.iterdir()) if file.suffix == ".tsv" or file.name.endswith(".text2bin-args")]
    return parse_deepdive_text({file.name: read_bytes(file, max_bytes) for file in files}, str(folder))


def parse_deepdive_text(data: dict[str, bytes], source: str = "<bytes>") -> DeepDive:
    """Read a factor graph from the bytes of its text files by name.

    >>> parse_deepdive_text({
    ...     "variables.tsv": b"0 0 0 0 2", "weights.tsv": b"0 1 2.5", "factors.tsv": b"0 0 1", "factors.text2bin-args": b"4 1 1"
    ... }).graph
    LogicalGraph(1 variables, 1 logical factors, 2 states)
    """
    rows = {
        kind: [
            row
            for name in sorted(data)
            if name.startswith(kind) and name.endswith(".tsv")
            for row in _lines(name, data[name], source)
        ]
        for kind in ("variables", "weights", "domains")
    }
    variables = _variables(rows["variables"])
    weights, fixed = _weights(rows["weights"], source)
    domains = _domains(rows["domains"])
    pieces = [
        _factors(name, data[name], data.get(f"{name.removesuffix('.tsv')}.text2bin-args"), source)
        for name in sorted(data)
        if name.startswith("factors") and name.endswith(".tsv")
    ]
    joined = Factors(*(np.concatenate(column) for column in zip(_no_factors(), *pieces, strict=True)))
    return assembled(variables, domains, joined, weights, fixed, source)


class _Line:
    """The words of one line, and where it stands."""

    def __init__(self, words: list[str], where: str) -> None:
        self.words = words
        self.where = where

    def fail(self, complaint: str) -> NoReturn:
        raise GraphError(f"{self.where}: {complaint}")

    def counts(self, *columns: int) -> list[int]:
        return [self.count(self.words[column]) for column in columns]

    def count(self, word: str) -> int:
        if not (word.isascii() and word.isdecimal() and len(word) < 19):
            self.fail(f"{quote(word)} is no whole number")
        return int(word)

    def real(self, word: str) -> float:
        return float(decimals([word], lambda _, complaint: self.fail(f"{quote(word)} {complaint}"))[0])

    def demand(self, columns: int) -> None:
        if len(self.words) != columns:
            self.fail(f"{len(self.words)} columns; {columns} are needed")


def _lines(name: str, data: bytes, source: str) -> list[_Line]:
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise GraphError(f"{source}/{name}: characters that are not ASCII") from None
    split = [line.split() for line in text.splitlines()]
    return [_Line(words, f"{source}/{name}, line {i}") for i, words in enumerate(split, 1) if words]


def _variables(rows: list[_Line]) -> npt.NDArray[np.void]:
    found = np.zeros(len(rows), _VARIABLE)
    for i, row in enumerate(rows):
        row.demand(5)
        numbers = row.counts(0, 1, 2, 3, 4)
        if numbers[1] > 2 or numbers[3] > 1:
            row.fail("roles are 0, 1 and 2, types 0 and 1")
        found[i] = tuple(numbers)
    return found


def _weights(rows: list[_Line], source: str) -> tuple[Floats, npt.NDArray[np.bool_]]:
    for row in rows:
        row.demand(3)
    ids = np.array([row.count(row.words[0]) for row in rows], np.uint64)
    order = ordered(ids, "weight", source)
    values = np.array([row.real(row.words[2]) for row in rows], np.float64)
    return values[order], np.array([row.count(row.words[1]) != 0 for row in rows], np.bool_)[order]


def _domains(rows: list[_Line]) -> dict[int, npt.NDArray[np.void]]:
    found: dict[int, npt.NDArray[np.void]] = {}
    for row in rows:
        row.demand(4)
        variable, count = row.counts(0, 1)
        lists = [word[1:-1].split(",") for word in row.words[2:] if word.startswith("{") and word.endswith("}")]
        if variable in found or [len(values) for values in lists] != [count, count]:
            row.fail(f"variable {variable} needs one domain: {{values}} and {{truthiness}}, {count} of each")
        values = np.zeros(count, _VALUE)
        values["value"] = [row.count(word) for word in lists[0]]
        values["truthiness"] = [row.real(word) for word in lists[1]]
        found[variable] = values
    return found


def _no_factors() -> Factors:
    none, ids = np.empty(0, np.int64), np.empty(0, np.uint64)
    return Factors(none, none, ids, ids, ids, np.empty(0))


def _factors(name: str, data: bytes, arguments: bytes | None, source: str) -> Factors:
    if arguments is None:
        raise GraphError(f"{source}/{name}: no {name.removesuffix('.tsv')}.text2bin-args beside it: function, arity, values")
    first = _lines(f"{name.removesuffix('.tsv')}.text2bin-args", arguments, source)
    if len(first) != 1 or len(first[0].words) < 2:
        raise GraphError(f"{source}: {name.removesuffix('.tsv')}.text2bin-args: one line of function, arity and values is needed")
    function, n, *values = (first[0].count(word) for word in first[0].words)
    if n < 1 or len(values) != n:
        first[0].fail(f"{n} literals and {len(values)} values; give one value for each literal, at least one")
    rows, own = _lines(name, data, source), function == _CATEGORICAL
    for row in rows:
        row.demand(n + 2 + n * own)
    variable = np.array([[row.count(word) for word in row.words[:n]] for row in rows], np.uint64).reshape(-1)
    given = [[row.count(word) for word in row.words[n : 2 * n]] if own else values for row in rows]
    return Factors(
        np.full(len(rows), function, np.int64),
        np.full(len(rows), n, np.int64),
        variable,
        np.array(given, np.uint64).reshape(-1),
        np.array([row.count(row.words[-2]) for row in rows], np.uint64),
        np.array([row.real(row.words[-1]) for row in rows], np.float64),
    )
