"""Text in words, quoted strings and punctuation, with the line of each for messages."""

import re
from typing import NoReturn

from stochinf.engine.errors import GraphError
from stochinf.graphs.naming import quote

__all__ = ["Lexer", "decoded"]

_TOKEN = re.compile(r'//[^\n]*|/\*(?s:.*?)(?:\*/|\Z)|"[^"\n]*"|[{}()\[\],;|]|[^\s{}()\[\],;|"]+|"')


def decoded(data: bytes, source: str) -> str:
    """Return a text in UTF-8, without a byte order mark and with line feeds at the ends of lines.

    Raises
    ------
    GraphError
        If the bytes are no UTF-8.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise GraphError(f"{source}, line {line}: byte {data[error.start]:#04x} is no UTF-8; save the file as UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


class Lexer:
    r"""The tokens of a text: one of ``{}()[],;|``, a string in double quotes, or a run of other characters that are no space.

    Comments are ``// ...`` to the end of the line and ``/* ... */``, where a token may start.

    Parameters
    ----------
    data : bytes
        UTF-8.
    source : str
        What messages call the text.

    Attributes
    ----------
    tokens : list of str
        All of them, quotes included.
    next : int
        Where `take` goes on.

    Raises
    ------
    GraphError
        If the bytes are no UTF-8, or a comment is not closed.

    Examples
    --------
    >>> Lexer(b'type { <5, "5 or more" }; // ages', "text").tokens
    ['type', '{', '<5', ',', '"5 or more"', '}', ';']
    """

    def __init__(self, data: bytes, source: str) -> None:
        self.source = source
        self._text = decoded(data, source)
        self.tokens: list[str] = _TOKEN.findall(self._text)
        self._comments = "//" in self._text or "/*" in self._text
        if self._comments:
            if self.tokens and self.tokens[-1].startswith("/*") and not self.tokens[-1].endswith("*/"):
                line = self._text.count("\n", 0, len(self._text) - len(self.tokens[-1])) + 1
                raise GraphError(f"{source}, line {line}: a comment starts with /* and does not end; close it with */")
            self.tokens = [token for token in self.tokens if not token.startswith(("//", "/*"))]
        self.next = 0

    def line(self, position: int) -> int:
        """Return the line of a token, the last line for what lies beyond the end."""
        seen = -1
        for found in _TOKEN.finditer(self._text):
            seen += not (self._comments and found.group().startswith(("//", "/*")))
            if seen == position:
                return self._text.count("\n", 0, found.start()) + 1
        return self._text.count("\n") + 1

    def fail(self, position: int, complaint: str) -> NoReturn:
        """Raise a GraphError that names the line of a token.

        Raises
        ------
        GraphError
            Always.
        """
        raise GraphError(f"{self.source}, line {self.line(position)}: {complaint}")

    def take(self, what: str) -> str:
        """Return the next token.

        Raises
        ------
        GraphError
            If there is none.
        """
        if self.next >= len(self.tokens):
            self.fail(self.next, f"the file ends where {what} is needed; is it cut off?")
        self.next += 1
        return self.tokens[self.next - 1]

    def expect(self, token: str, where: str) -> None:
        """Take a token that must be the one given.

        Raises
        ------
        GraphError
            If it is another.
        """
        found = self.take(f"{token!r} {where}")
        if found != token:
            self.fail(self.next - 1, f"{quote(found)} stands where {token!r} is needed {where}")

    def name(self, what: str) -> str:
        """Take a word or a quoted string, which is returned without its quotes.

        Raises
        ------
        GraphError
            If the next token is punctuation.
        """
        found = self.take(what)
        if not is_name(found):
            self.fail(self.next - 1, f"{quote(found)} stands where {what} is needed")
        return unquoted(found)

    def until(self, token: str, what: str) -> list[str]:
        """Take all tokens before the next one that is ``token``, and that one too.

        Raises
        ------
        GraphError
            If there is none left.
        """
        try:
            stop = self.tokens.index(token, self.next)
        except ValueError:
            self.fail(self.next, f"{what} does not end with {token!r}; is the file cut off?")
        found = self.tokens[self.next : stop]
        self.next = stop + 1
        return found


def is_name(token: str) -> bool:
    """Return whether a token is a word or a quoted string."""
    return token not in "{}()[],;|" and token != '"'


def unquoted(token: str) -> str:
    """Return a name without its quotes."""
    return token[1:-1] if token[0] == '"' else token
