"""Aligned sequences: FASTA files, letters and state numbers, and how much each sequence counts."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.convert import counted
from stochinf.engine.errors import MissingFileError, StochinfError
from stochinf.engine.jit import entry

__all__ = ["ALPHABETS", "Alignment", "as_alignment", "read_alignment", "sequence_weights"]

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

ALPHABETS = {"rna": "-ACGU", "dna": "-ACGT", "protein": "-ACDEFGHIKLMNPQRSTVWY"}
"""Letters of the usual alphabets, the gap first."""
AMBIGUOUS = "BJOUXZN.*?~"
"""What stands for letters that are not known, read as a gap where the alphabet has none of them."""
UNKNOWN = 255
MOST_STATES = 127
ROWS = 256


class Alignment(NamedTuple):
    """Sequences of equal length as state numbers.

    Parameters
    ----------
    states : uint8 (N, L)
        Number of each letter in `alphabet`.
    n_states : int
        How many letters there may be, q.
    alphabet : str
        Letters in order; empty for data that are no letters.
    names : tuple of str
        Of the sequences; empty where they have none.

    Examples
    --------
    >>> import stochinf as si
    >>> si.learning.Alignment.from_strings(["AC-U", "ACGU"]).states
    array([[1, 2, 0, 4],
           [1, 2, 3, 4]], dtype=uint8)
    """

    states: Bytes
    n_states: int
    alphabet: str = ""
    names: tuple[str, ...] = ()

    @classmethod
    def from_states(cls, states: npt.ArrayLike, n_states: int | None = None) -> Alignment:
        """Return rows of state numbers 0 to q - 1 as an alignment.

        Parameters
        ----------
        states : array_like of shape (N, L)
            Whole numbers.
        n_states : int, optional
            q; by default one more than the largest number.

        Raises
        ------
        StochinfError
            If they are no matrix of whole numbers from 0 to q - 1, or q is above 127.
        """
        given = np.asarray(states)
        if given.ndim != 2 or not given.size or given.dtype.kind not in "iub":
            raise StochinfError(f"alignment: {given.dtype} of shape {given.shape}; a matrix of whole numbers (N, L) is needed")
        q = counted("n_states", int(given.max()) + 1 if n_states is None else n_states, 2 if n_states is not None else 1)
        q = max(q, 2)
        if q > MOST_STATES:
            raise StochinfError(f"alignment: {q} states; {MOST_STATES} at most")
        wrong = np.argwhere((given < 0) | (given >= q))
        if wrong.size:
            row, site = wrong[0]
            raise StochinfError(f"alignment: state {given[row, site]} at site {site} of row {row}; 0 to {q - 1} are needed")
        return cls(np.ascontiguousarray(given, dtype=np.uint8), q)

    @classmethod
    def from_strings(cls, sequences: Iterable[str], alphabet: str | None = None, names: Iterable[str] = ()) -> Alignment:
        """Return sequences of letters as an alignment.

        Parameters
        ----------
        sequences : iterable of str
            Of equal length.
        alphabet : str, optional
            "protein", "rna", "dna", or the letters themselves, the gap among them; by default the smallest of the three that
            fits. Letters that stand for unknown ones (X, N, B, ...) are read as gaps.
        names : iterable of str
            Of the sequences.

        Raises
        ------
        StochinfError
            If lengths differ or a letter is not in the alphabet: it names the sequence and the site.
        """
        rows, titles = list(sequences), tuple(names)
        if not rows or not rows[0]:
            raise StochinfError("alignment: no sequences, or the first is empty")
        lengths = np.array([len(row) for row in rows])
        wrong = np.flatnonzero(lengths != lengths[0])
        if wrong.size:
            raise StochinfError(
                f"alignment: {called(titles, wrong[0])} has {lengths[wrong[0]]} letters, the first has {lengths[0]}; aligned"
                " sequences have equal lengths"
            )
        letters = letters_of(rows, titles)
        symbols = ALPHABETS.get(alphabet, alphabet) if alphabet else smallest_alphabet(letters)
        return cls(encode(letters, symbols, titles), len(symbols), symbols, titles)

    def text(self, states: npt.ArrayLike | None = None) -> list[str]:
        """Return sequences as letters: these, or others given as state numbers (N, L).

        Raises
        ------
        StochinfError
            If there is no alphabet.
        """
        if not self.alphabet:
            raise StochinfError("alignment: it has no alphabet; give state numbers letters of your own")
        table = np.frombuffer(self.alphabet.encode("ascii"), np.uint8)
        rows = table[np.asarray(self.states if states is None else states, dtype=np.int64)]
        return [row.tobytes().decode("ascii") for row in rows]


def called(names: tuple[str, ...], row: int) -> str:
    """Return what a sequence is called in messages."""
    return f"sequence {row} ({names[row]})" if names else f"sequence {row}"


def letters_of(rows: list[str], names: tuple[str, ...]) -> Bytes:
    """Return upper-case letters as bytes (N, L)."""
    try:
        joined = "".join(rows).upper().encode("ascii")
    except UnicodeEncodeError as error:
        row = error.start // len(rows[0])
        raise StochinfError(f"alignment: {called(names, row)} has a letter that is not ASCII") from None
    return np.frombuffer(joined, np.uint8).reshape(len(rows), -1)


def smallest_alphabet(letters: Bytes) -> str:
    """Return the first usual alphabet that has every letter which is not ambiguous."""
    found = {chr(code) for code in np.unique(letters)} - {"."}
    for symbols in ALPHABETS.values():
        if found <= set(symbols) | {"N"} or (symbols == ALPHABETS["protein"] and found <= set(symbols) | set(AMBIGUOUS)):
            return symbols
    odd = sorted(found - set(ALPHABETS["protein"]) - set(AMBIGUOUS))
    raise StochinfError(f"alignment: letters {''.join(odd)!r} are in none of the usual alphabets; give alphabet= in full")


def encode(letters: Bytes, symbols: str, names: tuple[str, ...]) -> Bytes:
    """Return the number of every letter."""
    if len(set(symbols)) != len(symbols) or not 2 <= len(symbols) <= MOST_STATES or not symbols.isascii():
        raise StochinfError(f"alignment: alphabet = {symbols!r}; 2 to {MOST_STATES} different ASCII letters are needed")
    table = np.full(256, UNKNOWN, np.uint8)
    if "-" in symbols:
        table[np.frombuffer(AMBIGUOUS.encode("ascii"), np.uint8)] = symbols.index("-")
    table[np.frombuffer(symbols.upper().encode("ascii"), np.uint8)] = np.arange(len(symbols), dtype=np.uint8)
    states = table[letters]
    wrong = np.argwhere(states == UNKNOWN)
    if wrong.size:
        row, site = wrong[0]
        raise StochinfError(
            f"alignment: {chr(letters[row, site])!r} at site {site} of {called(names, row)}; the alphabet is {symbols!r}"
        )
    return states


def read_alignment(path: str | os.PathLike[str], alphabet: str | None = None) -> Alignment:
    r"""Read aligned sequences from a FASTA file, compressed (.gz) or not.

    Letters in lower case and dots are insertions, as HMMER and HH-suite write them, and are left out where others of the file
    are in upper case.

    Parameters
    ----------
    path : path
        A file, or its name.
    alphabet : str, optional
        As in `Alignment.from_strings`.

    Returns
    -------
    Alignment
        With the names of its sequences.

    Raises
    ------
    StochinfError
        If the file is no FASTA, lengths differ or a letter is unknown; it names the line or the sequence.
    MissingFileError
        If there is no such file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import stochinf as si
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "two.fasta"
    >>> _ = file.write_text(">one\nAC-\nGU\n>two\nACCGU\n")
    >>> si.learning.read_alignment(file).text()
    ['AC-GU', 'ACCGU']
    """
    if not os.path.exists(path):
        raise MissingFileError(f"alignment: no file {os.fspath(path)}")
    names, rows = [], []
    for name, row in sequences_of(path):
        names.append(name)
        rows.append(row)
    if not rows:
        raise StochinfError(f"{os.fspath(path)}: no sequences; FASTA has a line '>name' before each")
    if any(character.isupper() for row in rows for character in row[:1000]):
        rows = [row if row.isupper() and "." not in row else without_insertions(row) for row in rows]
    return Alignment.from_strings(rows, alphabet, names)


def without_insertions(row: str) -> str:
    """Return a sequence without letters in lower case and dots."""
    return "".join(letter for letter in row if letter != "." and not letter.islower())


def sequences_of(path: str | os.PathLike[str]) -> Iterator[tuple[str, str]]:
    """Yield names and sequences of a FASTA file."""
    name: str | None = None
    parts: list[str] = []
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with (gzip.open if packed else open)(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                text = line.strip()
                if text.startswith(">"):
                    if name is not None:
                        yield name, "".join(parts)
                    name, parts = text[1:].strip(), []
                elif text and name is None:
                    raise StochinfError(f"{os.fspath(path)}, line {number}: a sequence before any '>name'; is this FASTA?")
                else:
                    parts.append(text.replace(" ", ""))
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise StochinfError(f"{os.fspath(path)}: cannot be read as text or as gzip: {error}") from None
    if name is not None:
        yield name, "".join(parts)


def as_alignment(sequences: Any, alphabet: str | None = None, n_states: int | None = None) -> Alignment:
    """Return sequences as an alignment: one already, a path, strings, or state numbers (N, L).

    Raises
    ------
    StochinfError
        If they are none of these.
    """
    if isinstance(sequences, Alignment):
        return sequences
    if isinstance(sequences, (str, os.PathLike)):
        return read_alignment(sequences, alphabet)
    if hasattr(sequences, "to_numpy"):
        sequences = sequences.to_numpy()
    given = list(sequences) if not hasattr(sequences, "dtype") else sequences
    if not isinstance(given, np.ndarray) and given and all(isinstance(row, str) for row in given):
        return Alignment.from_strings(given, alphabet)
    return Alignment.from_states(given, n_states)


@entry
def add_neighbours(states: Any, least: int, first: int, last: int, counts: Any) -> None:
    """Count for rows `first` to `last` - 1 the rows before them that agree at `least` sites or more, for both of a pair."""
    for i in range(first, last):
        row = states[i]
        for j in range(i):
            other = states[j]
            same = 0
            for site in range(row.size):
                same += 1 if row[site] == other[site] else 0
            if same >= least:
                counts[i] += 1.0
                counts[j] += 1.0


def sequence_weights(alignment: Any, identity: float = 0.8) -> Floats:
    r"""Return what each sequence counts: one over the number of sequences that agree with it.

    .. math:: w_n = 1 / \#\{m : \text{sequences n and m agree at } \ge \theta L \text{ sites}\},

    itself included, so that a crowd of relatives counts as one. The sum of the weights is the effective number of sequences.

    Parameters
    ----------
    alignment : Alignment, path, list of str or array of state numbers
        The sequences.
    identity : float
        Share of sites in [0, 1]; above 1 every sequence counts 1.

    Returns
    -------
    ndarray of shape (N,)
        From 1/N to 1.

    Raises
    ------
    StochinfError
        If the share is negative or no number.

    References
    ----------
    Morcos, F. et al. (2011). Direct-coupling analysis of residue coevolution captures native contacts across many protein
    families. PNAS 108(49), SI, equation (S1).

    Examples
    --------
    >>> import stochinf as si
    >>> si.learning.sequence_weights(["ACGUA", "ACGUA", "UUUUU"])
    array([0.5, 0.5, 1. ])
    """
    if not identity >= 0:
        raise StochinfError(f"identity = {identity}; a share of sites, from 0 to 1, is needed")
    states = as_alignment(alignment).states
    if identity > 1:
        return np.ones(len(states))
    least = int(np.ceil(identity * states.shape[1] - 1e-9))
    counts = np.ones(len(states))
    for first in range(0, len(states), ROWS):
        add_neighbours(states, least, first, min(first + ROWS, len(states)), counts)
    return 1.0 / counts
