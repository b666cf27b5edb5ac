"""Bytes of a possibly hostile text file to words and numbers, with limits and with the line in every message."""

import gzip
import os
import re
import zlib
from collections.abc import Sequence
from typing import TypeAlias

from stochinf.engine.errors import GraphError, MemoryLimitError, MissingFileError
from stochinf.graphs.naming import quote

__all__ = ["MAX_BYTES", "Path", "Tokens", "read_bytes", "write_bytes"]

Path: TypeAlias = str | os.PathLike[str]

MAX_BYTES = 2**28
"""Length a file may have, after decompression."""

_COMMENT = re.compile(rb"^[ \t]*[c#].*$", re.MULTILINE)
_NUMERIC = b"0123456789+-.eE"
_SPACE = b" \t\n\v\f"
_LONGEST_SHOWN = 40


def read_bytes(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the content of a file, decompressed where its name ends in ``.gz``.

    Raises
    ------
    MemoryLimitError
        If there is more than ``max_bytes``.
    GraphError
        If the compressed data are damaged, or the file cannot be opened: a MissingFileError, which is a FileNotFoundError as
        well, if there is none.
    """
    compressed = os.fspath(path).lower().endswith(".gz")
    try:
        with gzip.open(path) if compressed else open(path, "rb") as file:
            data = file.read(max_bytes + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise GraphError(f"{path}: damaged gzip file ({error}); compress the model again") from None
    except OSError as error:
        kind = MissingFileError if isinstance(error, FileNotFoundError) else GraphError
        raise kind(f"{path}: the file cannot be read ({error.strerror or error})") from error
    if len(data) > max_bytes:
        raise MemoryLimitError(f"{path}: more than {max_bytes} bytes; raise max_bytes if the file is trusted")
    return data


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file, compressed where its name ends in ``.gz`` (without the time, so that equal models give equal files).

    Raises
    ------
    GraphError
        If the file cannot be written.
    """
    if os.fspath(path).lower().endswith(".gz"):
        data = gzip.compress(data, mtime=0)
    try:
        with open(path, "wb") as file:
            file.write(data)
    except OSError as error:
        raise GraphError(f"{path}: the file cannot be written ({error.strerror or error})") from error


class Tokens:
    r"""The words of a text without its comment lines, read one after the other.

    Parameters
    ----------
    data : bytes
        ASCII; lines that start with ``c`` or ``#`` are comments in any encoding.
    source : str
        What messages call the text.
    words : sequence of str
        What may stand beside numbers.

    Raises
    ------
    GraphError
        If a word holds a character that no number and none of ``words`` has; so ``nan``, ``inf``, ``0x1`` and ``1_000``
        never reach a number.

    Examples
    --------
    >>> Tokens(b"c a comment\n2 0 1", "text").integers(3, "numbers")
    [2, 0, 1]
    """

    def __init__(self, data: bytes, source: str, words: Sequence[str] = ()) -> None:
        text = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self.source = source
        self._text = _COMMENT.sub(b"", text)
        plain = _NUMERIC + "".join(words).encode("ascii") + _SPACE
        if self._text.translate(None, plain):
            self._blame_character(plain, " or ".join(["a finite decimal number", *words]))
        self._words = self._text.decode("ascii").split()
        self._next = 0

    def _blame_character(self, plain: bytes, allowed: str) -> None:
        found = re.search(rb"[^" + re.escape(plain) + rb"]", self._text)
        if found:
            start, line = found.start(), self._text.count(b"\n", 0, found.start()) + 1
            before = self._text[max(start - _LONGEST_SHOWN, 0) : start]
            head = before[len(before.rstrip(plain.translate(None, _SPACE))) :]
            word = (head + self._text[start : start + _LONGEST_SHOWN].split()[0]).decode("ascii", "backslashreplace")
            raise GraphError(f"{self.source}, line {line}: {quote(word)} is not {allowed}")

    def _line(self, word: int) -> int:
        for i, found in enumerate(re.finditer(rb"\S+", self._text)):
            if i == word:
                return self._text.count(b"\n", 0, found.start()) + 1
        return self._text.count(b"\n") + 1

    def __len__(self) -> int:
        return len(self._words)

    def line_lengths(self) -> list[int]:
        """Return the number of words of each line that has any."""
        return [len(words) for line in self._text.split(b"\n") if (words := line.split())]

    def take(self, n: int, what: str, which: int | None = None) -> list[str]:
        """Return the next ``n`` words."""
        stop = self._next + n
        if stop > len(self._words):
            name = what if which is None else f"{what} {which}"
            left = len(self._words) - self._next
            raise GraphError(f"{self.source}: the file ends within {name}: {quote(n)} words needed, {left} left; is it cut off?")
        words = self._words[self._next : stop]
        self._next = stop
        return words

    def word(self, what: str) -> str:
        """Return the next word."""
        return self.take(1, what)[0]

    def integers(self, n: int, what: str, which: int | None = None) -> list[int]:
        """Return the next ``n`` words as integers."""
        first = self._next
        words = self.take(n, what, which)
        try:
            return list(map(int, words))
        except ValueError:
            culprit = next(i for i, word in enumerate(words) if not re.fullmatch(r"[+-]?\d{1,4000}", word))
            name = what if which is None else f"{what} {which}"
            line = self._line(first + culprit)
            raise GraphError(f"{self.source}, line {line}: {name}: {quote(words[culprit])} is no integer") from None

    def integer(self, what: str, which: int | None = None) -> int:
        """Return the next word as an integer."""
        return self.integers(1, what, which)[0]

    def count(self, what: str, which: int | None = None) -> int:
        """Return the next word as a count: not negative, and no more than there are words left."""
        value, left = self.integer(what, which), len(self._words) - self._next
        if not 0 <= value <= left:
            name = what if which is None else f"{what} {which}"
            line = self._line(self._next - 1)
            raise GraphError(
                f"{self.source}, line {line}: {name} is {quote(value)}; from 0 to the {left} words left are possible"
            )
        return value

    def end(self, what: str) -> None:
        """Refuse words that are left over."""
        left = len(self._words) - self._next
        if left:
            line, word = self._line(self._next), self._words[self._next]
            raise GraphError(f"{self.source}, line {line}: {left} words too many after {what}, the first is {quote(word)}")
