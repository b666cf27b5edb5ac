"""Which values of a graph share a loop, which are stored, and in what order the loops come.

Every array operation that computes one number at a time is put in the loop of its shape and its stage; a value that is used
within its loop alone never reaches memory. Stages: a sum is known in the stage after its loop; what reads an array in another
order than the loop goes (a product, a gather) waits until it is stored. A value that only later stages use moves there.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

from stochinf.density.emit.arrays import VIEWS, Array, row_by_row, viewed
from stochinf.density.graph import Graph, Node
from stochinf.density.operations import ELEMENTWISE

__all__ = ["Plan", "Term"]

ASSEMBLED = ("concatenate", "embed", "scatter")
SIGNS = {"add": (1, 1), "sub": (1, -1), "neg": (-1,)}


class Term(NamedTuple):
    """A piece of an array that is put together.

    Parameters
    ----------
    node : int
        Whose value it is.
    places : tuple
        Start and step on each axis; empty where `rows` says it.
    rows : int or None
        The node of the rows that a scattered piece is added to.
    sign : int
        1 or -1.
    alone : bool
        Whether it is put there by a loop of its own: two pieces that overlap may not share one whose turns are apart.
    """

    node: int
    places: tuple[tuple[int, int], ...]
    rows: int | None = None
    sign: int = 1
    alone: bool = False


class Plan:
    """The order of work on a graph.

    Parameters
    ----------
    graph : Graph
        Lowered.

    Attributes
    ----------
    roles : list of str
        What each node is: leaf, scalar, view, part, fused, reduction, assembly, opaque.
    stages : list of int
        The stage in which a node is computed.
    ready : list of int
        The first stage in which its value can be read.
    stored : set of int
        Fused nodes whose values go to memory.
    terms : dict
        Pieces of each assembly.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph, self.nodes = graph, graph.nodes
        self.users: list[list[int]] = [[] for _ in self.nodes]
        for number, node in enumerate(self.nodes):
            for operand in dict.fromkeys(node.operands):
                self.users[operand].append(number)
        self.terms: dict[int, list[Term]] = {}
        self.inside: set[int] = set()
        self._assemble()
        self.arrays: list[Array | None] = []
        self.roles = [self._role(number) for number in range(len(self.nodes))]
        self._part_pieces()
        self.stored = self._read_elsewhere()
        self.stages, self.ready = [0] * len(self.nodes), [0] * len(self.nodes)
        for number in range(len(self.nodes)):
            self._schedule(number)
        self._sink()
        self._store()

    def _role(self, number: int) -> str:
        node = self.nodes[number]
        array = None if node.shape == () or node.kind == "tuple" else Array(None, node.shape, row_by_row(node.shape))
        role = self._role_of(number, node)
        if role == "view" and node.shape != ():
            array = self._view(node)
            if array is None:
                role, array = "opaque", Array(None, node.shape, row_by_row(node.shape))
        self.arrays.append(array)
        return role

    def _role_of(self, number: int, node: Node) -> str:
        if number in self.terms or number in self.inside:
            return "assembly" if number in self.terms else "inside"
        if node.op in ("input", "data", "constant"):
            return "leaf"
        if node.op == "result":
            return "part"
        if node.op in VIEWS:
            return "fused" if self.nodes[node.operands[0]].shape == () and node.shape != () else "view"
        if node.op in ("sum", "max"):
            return "reduction"
        if node.op in ELEMENTWISE or node.op in ("gather", "tril"):
            return "fused" if node.shape != () else "scalar"
        return "opaque"

    def _view(self, node: Node) -> Array | None:
        """Return the view with the strides it will have, or None where the array must be copied."""
        array = self.arrays[node.operands[0]]
        return None if array is None else viewed(None, node, array)  # type: ignore[arg-type]  # nothing is written

    def _assemble(self) -> None:
        """Find the sums whose terms are pieces of an array."""
        pieces: list[bool] = []
        for node in self.nodes:
            pieces.append(node.op in ASSEMBLED or (self._sums(node) and any(pieces[k] and self._alone(k) for k in node.operands)))
        for number in range(len(self.nodes) - 1, -1, -1):
            if pieces[number] and number not in self.inside:
                self._collect(number)

    def _sums(self, node: Node) -> bool:
        """Whether a node adds or subtracts arrays of its own shape."""
        return node.op in SIGNS and node.shape != () and all(self.nodes[k].shape == node.shape for k in node.operands)

    def _alone(self, number: int) -> bool:
        """Whether a value is used once and is not wanted itself."""
        return len(self.users[number]) == 1 and number not in self.graph.outputs

    def _collect(self, top: int) -> None:
        """Gather the pieces of a sum."""
        terms: list[Term] = []
        waiting = [(top, 1)]
        while waiting:
            number, sign = waiting.pop()
            node = self.nodes[number]
            if number != top and not ((node.op in ASSEMBLED or self._sums(node)) and self._alone(number)):
                terms.append(Term(number, ((0, 1),) * len(node.shape), None, sign))
                continue
            if number != top:
                self.inside.add(number)
            if node.op in SIGNS:
                waiting.extend((k, sign * own) for k, own in zip(node.operands, SIGNS[node.op], strict=True))
            else:
                terms.extend(self._pieces(node, sign))
        self.terms[top] = terms

    def _pieces(self, node: Node, sign: int) -> Iterator[Term]:
        """Yield the pieces that one node puts in."""
        if node.op == "concatenate":
            yield from self._joined(node, sign)
        else:
            rows = node.operands[1] if node.op == "scatter" else None
            yield Term(node.operands[0], node.attributes if rows is None else (), rows, sign)

    def _joined(self, node: Node, sign: int) -> Iterator[Term]:
        """Yield the pieces of a concatenation."""
        axis, first = node.attributes[0], 0
        for operand in node.operands:
            places = tuple((first if k == axis else 0, 1) for k in range(len(node.shape)))
            yield Term(operand, places, None, sign)
            first += self.nodes[operand].shape[axis]

    def disjoint(self, number: int) -> tuple[bool, bool]:
        """Whether the pieces of an assembly do not overlap, and whether they also fill it."""
        node, terms = self.nodes[number], self.terms[number]
        if node.op == "concatenate":
            return True, True
        if len(node.shape) != 1 or any(t.rows is not None or t.places[0][1] != 1 for t in terms):
            return len(terms) == 1 and terms[0].rows is None, False
        spans = sorted((t.places[0][0], t.places[0][0] + self.nodes[t.node].size) for t in terms)
        apart = all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
        return apart, apart and sum(b - a for a, b in spans) == node.size

    def _part_pieces(self) -> None:
        """Let only one of several overlapping pieces be put in its array by the loop that computes it."""
        for number, terms in self.terms.items():
            seen: set[tuple[int, ...]] = set()
            apart = self.disjoint(number)[0]
            for k, term in enumerate(terms):
                shape = self.nodes[term.node].shape
                alone = term.rows is not None or self.roles[term.node] != "fused" or (shape in seen and not apart)
                seen.add(shape)
                terms[k] = term._replace(alone=alone)

    def _read_elsewhere(self) -> set[int]:
        """Fused nodes that are read in another order than their loop goes."""
        found = {number for number in self.graph.outputs if self.roles[number] == "fused"}
        for number, node in enumerate(self.nodes):
            if self.roles[number] in ("view", "opaque") or node.op == "gather":
                along = node.op == "gather" and len(node.shape) == 1
                found.update(k for k in (node.operands[:1] if along else node.operands) if self.roles[k] == "fused")
            for term in self.terms.get(number, ()) if self.roles[number] == "assembly" else ():
                if term.alone:
                    found.update(k for k in (term.node, term.rows) if k is not None and self.roles[k] == "fused")
        return found

    def _schedule(self, number: int) -> None:
        """Set the stage of a node after those of its operands."""
        node, role = self.nodes[number], self.roles[number]
        if role == "inside":
            return
        if role == "assembly":
            self.ready[number] = self.stages[number] = 1 + max(self.when(term) for term in self.terms[number])
            return
        along = role in ("fused", "reduction")
        stage = max((self.stages[k] if along and self._aligned(node, k) else self.ready[k] for k in node.operands), default=0)
        self.stages[number] = stage
        self.ready[number] = stage + (role in ("fused", "reduction", "opaque"))

    def _aligned(self, node: Node, operand: int) -> bool:
        """Whether a fused or reduced node takes a fused operand in the loop they share."""
        if self.roles[operand] != "fused" or (node.op == "gather" and (operand == node.operands[0] or len(node.shape) != 1)):
            return False
        return not (node.op == "gather" and node.operands[0] == node.operands[-1])

    def when(self, term: Term) -> int:
        """Return the stage in which a piece is put into its array."""
        if term.alone:
            return max(self.ready[term.node], 0 if term.rows is None else self.ready[term.rows])
        return self.stages[term.node]

    def _sink(self) -> None:
        """Move fused nodes that only later stages use to the first of these."""
        for number in range(len(self.nodes) - 1, -1, -1):
            takers = self._takers_of(number) if self.roles[number] == "fused" and number not in self.stored else ()
            if takers:
                self.stages[number] = max(self.stages[number], min(self._taken(user) for user in takers))
                self.ready[number] = self.stages[number] + 1

    def _takers_of(self, number: int) -> list[int]:
        """Return the nodes that take a value; an assembly stands for the sums inside it."""
        found = [user for user in self.users[number] if self.roles[user] != "inside"]
        return found + [k for k, terms in self.terms.items() if any(t.node == number for t in terms) and k not in found]

    def _taken(self, user: int) -> int:
        """Return the stage in which a node takes its operands."""
        return self.stages[user] - (self.roles[user] == "assembly")

    def _store(self) -> None:
        """Store what a later loop uses."""
        for number, node in enumerate(self.nodes):
            if self.roles[number] in ("fused", "reduction"):
                for operand in node.operands:
                    if self.roles[operand] == "fused" and self.stages[operand] < self.stages[number]:
                        self.stored.add(operand)

    def groups(self) -> dict[tuple[int, Any], list[int]]:
        """Return the nodes that share a loop, by stage and shape."""
        found: dict[tuple[int, Any], list[int]] = {}
        for number, node in enumerate(self.nodes):
            if self.roles[number] in ("fused", "reduction"):
                shape = node.shape if self.roles[number] == "fused" else self.nodes[node.operands[0]].shape
                found.setdefault((self.stages[number], shape), []).append(number)
        return found
