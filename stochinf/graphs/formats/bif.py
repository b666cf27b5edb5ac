"""The Bayesian network interchange format, BIF 0.15, as bnlearn, JavaBayes and pgmpy write it. Strict.

``variable X { type discrete [ 2 ] { yes, no }; }`` names a variable and its states; ``probability ( X | A, B ) { ... }``
holds its conditional table: ``(a, b) p, p;`` gives the row of parent states a, b, ``default p, p;`` all rows that are not
given, ``table p, p, ...;`` everything, the first variable slowest, so that the states of the child vary slowest. Commas
between words may be missing, a name or label is any run of characters without a space or one of ``{}()[],;|"``, or a string
in double quotes. Properties and comments are skipped.

References
----------
Cozman, F. G. (1998). The interchange format for Bayesian networks, version 0.15.
"""

from collections import Counter
from typing import NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import MemoryLimitError
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import MAX_CARDINALITY, MAX_ENTRIES, Floats
from stochinf.graphs.formats.conditionals import CPT_TOLERANCE, bayesian_network, conditional_layout
from stochinf.graphs.formats.lexer import Lexer, is_name, unquoted
from stochinf.graphs.formats.numbers import decimals
from stochinf.graphs.formats.textfile import MAX_BYTES, Path, read_bytes
from stochinf.graphs.naming import did_you_mean, listing, quote

__all__ = ["parse_bif", "read_bif"]

_MOST_BY_DEFAULT = 2**22
"""Entries of the tables in which ``default`` stands for some, together: a short file fills no memory."""


class _Family(NamedTuple):
    """The head of a probability block: child first, as written, and where its body starts."""

    nodes: list[int]
    body: int


def read_bif(path: Path, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> FactorGraph:
    """Read a Bayesian network in BIF; states are strings, each factor's ``child`` is its scope's last variable.

    Parameters
    ----------
    path : str or path
        The file; one that ends in ``.gz`` is decompressed.
    max_entries : int
        Entries all tables together may have.
    max_bytes : int
        Length the (decompressed) file may have.

    Returns
    -------
    FactorGraph

    Raises
    ------
    GraphError
        If the file breaks a rule of the format, naming the line; or cannot be opened.
    MemoryLimitError
        If the file or its tables are larger than allowed.
    """
    return parse_bif(read_bytes(path, max_bytes), str(path), max_entries)


def parse_bif(data: bytes, source: str = "<bytes>", max_entries: int = MAX_ENTRIES) -> FactorGraph:
    """Read a Bayesian network from the bytes of a BIF file; as `read_bif`.

    >>> graph = parse_bif(b"variable Rain { type discrete [2] { no, yes }; } probability ( Rain ) { table 0.8, 0.2; }")
    >>> graph.states, graph.weights.tolist()
    ({'Rain': ['no', 'yes']}, [0.8, 0.2])
    """
    return _Parser(Lexer(data, source), max_entries).graph()


class _Parser:
    def __init__(self, lexer: Lexer, max_entries: int) -> None:
        self.lexer = lexer
        self.max_entries = max_entries
        self.labels: dict[str, list[str]] = {}
        self.heads: list[tuple[list[str], int, int]] = []

    def graph(self) -> FactorGraph:
        lexer = self.lexer
        while lexer.next < len(lexer.tokens):
            kind = lexer.take("a block")
            if kind == "network":
                self.network()
            elif kind == "variable":
                self.variable()
            elif kind == "probability":
                self.head()
            else:
                lexer.fail(lexer.next - 1, f"{quote(kind)} stands where network, variable or probability is needed")
        if not self.labels:
            lexer.fail(lexer.next, "empty graph: the file has no variable block")
        families = self.families()
        variables = list(self.labels)
        scopes = [[*family.nodes[1:], family.nodes[0]] for family in families]
        counts = [len(row) for row in self.labels.values()]
        layout = conditional_layout(counts, scopes, variables, lexer.source, self.max_entries)
        needed, given = int(layout.table_start[-1]), len(lexer.tokens)
        if needed > given + _MOST_BY_DEFAULT:
            raise MemoryLimitError(f"{lexer.source}: the tables have {needed} entries, and the file only {given} words")
        index = [{label: i for i, label in enumerate(row)} for row in self.labels.values()]
        weights = np.empty(int(layout.table_start[-1]))
        budget = _MOST_BY_DEFAULT
        for f, family in enumerate(families):
            lexer.next = family.body
            body = _Body(lexer, family.nodes, index, variables, budget)
            weights[layout.table_start[f] : layout.table_start[f + 1]] = body.table()
            budget = body.budget
        return bayesian_network(layout, weights, variables, list(self.labels.values()), lexer.source)

    def network(self) -> None:
        while self.lexer.take("'{' of the network block") != "{":
            pass
        self.properties("the network block")

    def properties(self, where: str) -> None:
        lexer = self.lexer
        while (word := lexer.take(f"'}}' of {where}")) != "}":
            if word != "property":
                lexer.fail(lexer.next - 1, f"{quote(word)} stands where property or '}}' is needed in {where}")
            lexer.until(";", "the property")

    def variable(self) -> None:
        lexer = self.lexer
        name = lexer.name("the name of a variable")
        if name in self.labels:
            lexer.fail(lexer.next - 1, f"variable {quote(name)} is declared twice; keep one of the two blocks")
        where = f"in variable {quote(name)}"
        lexer.expect("{", where)
        found: list[str] | None = None
        while (word := lexer.take(f"'}}' {where}")) != "}":
            if word == "property":
                lexer.until(";", "the property")
            elif word == "type" and found is None:
                found = self.type(where)
            else:
                lexer.fail(lexer.next - 1, f"{quote(word)} stands where one type, property or '}}' is needed {where}")
        if found is None:
            lexer.fail(lexer.next - 1, f"variable {quote(name)} has no type; write: type discrete [ 2 ] {{ no, yes }};")
        self.labels[name] = found

    def type(self, where: str) -> list[str]:
        lexer = self.lexer
        lexer.expect("discrete", where)
        lexer.expect("[", where)
        at, count = lexer.next, lexer.take("the number of states")
        lexer.expect("]", where)
        lexer.expect("{", where)
        first = lexer.next
        found = _names(lexer, first, lexer.until("}", "the list of states"))
        lexer.expect(";", where)
        if not count.isascii() or not count.isdecimal() or count.lstrip("0") != str(len(found)):
            lexer.fail(at, f"{quote(count)} states announced, {len(found)} given {where}; write the number of states in []")
        if len(found) > MAX_CARDINALITY:
            lexer.fail(at, f"{len(found)} states {where}; from 1 to {MAX_CARDINALITY} are possible")
        if len(set(found)) < len(found):
            twice = Counter(found).most_common(1)[0][0]
            lexer.fail(first, f"state {quote(twice)} appears twice {where}; labels tell states apart")
        return found

    def head(self) -> None:
        lexer = self.lexer
        lexer.expect("(", "after probability")
        first = lexer.next
        words = lexer.until(")", "the head of the probability block")
        if words[1:2] == ["|"]:
            words[1] = ","
        names = _names(lexer, first, words)
        if not names:
            lexer.fail(first, "a probability block without a variable; write: probability ( X | A, B ) { ... }")
        lexer.expect("{", "after the head of a probability block")
        self.heads.append((names, first, lexer.next))
        lexer.until("}", "the probability block")

    def families(self) -> list[_Family]:
        """Return the heads by number of variable: variables may be declared after they are used."""
        index = {name: i for i, name in enumerate(self.labels)}
        for names, at, _ in self.heads:
            unknown = next((name for name in names if name not in index), None)
            if unknown is not None:
                self.lexer.fail(at, f"variable {quote(unknown)} is not declared{did_you_mean(unknown, index)}")
            if len(set(names)) < len(names):
                self.lexer.fail(at, f"a variable appears twice in ({listing(names)})")
        return [_Family([index[name] for name in names], body) for names, _, body in self.heads]


def _names(lexer: Lexer, first: int, tokens: list[str]) -> list[str]:
    for i, token in enumerate(tokens):
        if token != "," and not is_name(token):
            lexer.fail(first + i, f"{quote(token)} stands where a name is needed")
    return [unquoted(token) for token in tokens if token != ","]


class _Body:
    """The entries of one probability block."""

    def __init__(self, lexer: Lexer, nodes: list[int], index: list[dict[str, int]], variables: list[str], budget: int) -> None:
        self.lexer = lexer
        self.names = [variables[v] for v in nodes]
        self.states = [index[v] for v in nodes]
        self.n_states = len(self.states[0])
        self.n_rows = int(np.prod([len(states) for states in self.states[1:]], dtype=np.int64))
        self.budget = budget
        self.whole: Floats | None = None
        self.default: Floats | None = None
        self.rows: dict[int, int] = {}
        self.texts: list[str] = []
        self.places: list[int] = []

    def table(self) -> Floats:
        lexer = self.lexer
        while (word := lexer.take("an entry of a probability block")) != "}":
            if word == "(":
                self.row()
            elif word == "property":
                lexer.until(";", "the property")
            elif word == "table" and self.whole is None:
                self.whole = self.numbers(self.n_rows * self.n_states, "the table").reshape(self.n_states, self.n_rows).T
            elif word == "default" and self.default is None:
                self.default = self.numbers(self.n_states, "the default row")
            else:
                lexer.fail(lexer.next - 1, f"{quote(word)} stands where (states), one table, one default or '}}' is needed")
        if self.whole is not None:
            if self.rows or self.default is not None:
                lexer.fail(lexer.next - 1, f"probability of {quote(self.names[0])}: a table and rows; give one of the two")
            return self.checked(self.whole).reshape(-1)
        return self.checked(self.assembled()).reshape(-1)

    def row(self) -> None:
        lexer, first = self.lexer, self.lexer.next
        labels = _names(lexer, first, lexer.until(")", "the states of the parents"))
        if len(labels) != len(self.states) - 1:
            lexer.fail(first, f"{len(labels)} states for the {len(self.states) - 1} parents of {quote(self.names[0])}")
        number = 0
        for name, states, label in zip(self.names[1:], self.states[1:], labels, strict=True):
            if label not in states:
                hint = did_you_mean(label, states)
                lexer.fail(first, f"variable {quote(name)} has no state {quote(label)}; there are {listing(list(states))}{hint}")
            number = number * len(states) + states[label]
        if number in self.rows:
            lexer.fail(first, f"the row ({listing(labels)}) of {quote(self.names[0])} is given twice; keep one")
        self.rows[number] = lexer.next
        self.words(self.n_states, "the row", labels)

    def words(self, needed: int, what: str, labels: list[str] | None = None) -> None:
        lexer, first = self.lexer, self.lexer.next
        texts = [token for token in lexer.until(";", what) if token != ","]
        if len(texts) != needed:
            title = what if labels is None else f"{what} ({listing(labels)})"
            lexer.fail(first, f"{title} of {quote(self.names[0])}: {len(texts)} numbers given, {needed} needed")
        self.texts += texts
        self.places.append(first)

    def numbers(self, needed: int, what: str) -> Floats:
        """Take so many numbers that belong to no row."""
        kept = self.texts, self.places
        self.texts, self.places = [], []
        self.words(needed, what)
        found = self.floats()
        self.texts, self.places = kept
        return found

    def floats(self) -> Floats:
        def blame(position: int, complaint: str) -> NoReturn:
            place = self.places[position // self.n_states if len(self.places) > 1 else 0]
            self.lexer.fail(place, f"probability of {quote(self.names[0])}: {quote(self.texts[position])} {complaint}")

        return decimals(self.texts, blame)

    def assembled(self) -> Floats:
        given = self.floats().reshape(-1, self.n_states)
        order = np.fromiter(self.rows, np.int64, len(self.rows))
        if len(self.rows) < self.n_rows:
            if self.default is None:
                missing = next(i for i in range(self.n_rows) if i not in self.rows)
                self.lexer.fail(self.lexer.next - 1, f"probability of {quote(self.names[0])}: no row {self.parents_of(missing)}")
            self.budget -= self.n_rows * self.n_states
            if self.budget < 0:
                raise MemoryLimitError(
                    f"{self.lexer.source}: tables with default rows, among them that of {quote(self.names[0])}, have more than "
                    f"{_MOST_BY_DEFAULT} entries; write the rows"
                )
        table: Floats = np.empty((self.n_rows, self.n_states))
        if self.default is not None:
            table[:] = self.default
        table[order] = given
        return table

    def checked(self, table: Floats) -> Floats:
        sums: npt.NDArray[np.bool_] = (np.abs(table.sum(axis=1) - 1) <= CPT_TOLERANCE) & (table >= 0).all(axis=1)
        if not sums.all():
            row = int(np.argmin(sums))
            place = self.rows.get(row, self.lexer.next - 1)
            self.lexer.fail(
                place,
                f"probability of {quote(self.names[0])}, row {self.parents_of(row)}: {quote(table[row].tolist())} are no "
                f"probabilities: at least 0, sum 1 within {CPT_TOLERANCE:g}",
            )
        return table

    def parents_of(self, row: int) -> str:
        labels = []
        for states in reversed(self.states[1:]):
            row, state = divmod(row, len(states))
            labels.append(list(states)[state])
        return f"({listing(labels[::-1])})"
