"""Whether moves of one variable, or of a block of variables, reach every configuration of positive probability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import Int32s
from stochinf.graphs.naming import quote
from stochinf.graphs.zeros.narrowing import CONTRADICTION, SOLVED, STATUS, searched
from stochinf.graphs.zeros.parts import Moves, core_table, listed, parts_of
from stochinf.graphs.zeros.problem import Problem, problem_of
from stochinf.graphs.zeros.rows import MOST_ROWS
from stochinf.graphs.zeros.supports import Int64s
from stochinf.graphs.zeros.walk import cut_off

__all__ = ["Connectivity", "component_connectivity", "connectivity", "single_site_connected"]

Bools = npt.NDArray[np.bool_]
SAMPLES = 8
LOCAL_ROWS = 4096
NODES = 2000


class Connectivity(NamedTuple):
    """Whether moves connect the possible configurations.

    Attributes
    ----------
    connected : bool or None
        None where neither is proved.
    reason : str
    factors : tuple of int
        Factors of the graph that the reason speaks of.
    """

    connected: bool | None
    reason: str
    factors: tuple[int, ...] = ()


def single_site_connected(graph: FactorGraph, clamped: Int32s | None = None) -> bool | None:
    """Whether changing one variable at a time reaches every configuration of positive probability from every other.

    Parameters
    ----------
    graph : FactorGraph
    clamped : int32 (V,), optional
        State index of evidence variables, -1 for free ones.

    Returns
    -------
    bool or None
        True and False are proved; None says that neither could be shown.

    Raises
    ------
    GraphError
        If no configuration is possible.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.feasible import single_site_connected
    >>> single_site_connected(si.FactorGraph([2, 2], [(0, 1)], [[1, 0, 0, 1]]))
    False
    >>> single_site_connected(si.FactorGraph([2, 2], [(0, 1)], [[1, 1, 0, 1]]))
    True
    """
    return connectivity(graph, clamped).connected


def connectivity(graph: FactorGraph, clamped: Int32s | None = None, blocks: Sequence[Int32s] = ()) -> Connectivity:
    """Return whether moves of single variables, and of `blocks` of variables of the graph, reach everything possible.

    Evidence and propagation narrow the states, folding leaves out those that others stand in for (`folding`), and what is
    left falls into components. Of a component with few configurations these are listed. Of a larger one, parts: where the
    configurations of a part fall into classes that no move joins, and two classes occur in possible configurations of
    the whole, the whole is disconnected as well. So it is where a walk of single changes ends before it meets a
    configuration known to be possible.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.feasible import connectivity
    >>> equal = si.FactorGraph([2, 2], [("a", "b")], [[1, 0, 0, 1]], names=["a", "b"])
    >>> connectivity(equal).reason
    'factor 0 over (a, b) keeps changes of single variables from leading from a=0, b=0 to a=1, b=1'
    >>> connectivity(equal, blocks=[[0, 1]]).connected
    True
    """
    if graph.positive:
        return Connectivity(True, "no table has a zero")
    problem = problem_of(graph, np.full(graph.n_variables, -1, np.int32) if clamped is None else clamped)
    if not problem.binding.size:
        return Connectivity(True, "leaving out states that others stand in for leaves no zero")
    moves = Moves(problem, problem.numbers(blocks))
    unknown = None
    for factors in problem.groups():
        found = component_connectivity(problem, factors, moves)
        if found.connected is False:
            return found
        unknown = unknown or (None if found.connected else found)
    return unknown or Connectivity(True, "every component was listed or has states to spare")


def component_connectivity(problem: Problem, factors: list[int], moves: Moves) -> Connectivity:
    """Return whether moves connect the configurations of one component.

    Raises
    ------
    GraphError
        If the component has none.
    """
    rows = listed(problem, factors, MOST_ROWS)
    if rows is not None:
        if not len(rows[1]):
            raise problem.blame(searched(problem.supports, problem.domain, 10 * NODES, np.random.SeedSequence(0)))
        labels = moves.classes(*rows)
        if labels.max() == 0:
            return Connectivity(True, "its configurations were listed")
        return _told(problem, factors, rows, (labels == 0, labels == 1))
    if _roomy(problem, factors):
        return Connectivity(True, "every variable has states to spare")
    return _by_parts(problem, factors, moves)


def _told(
    problem: Problem,
    factors: list[int],
    rows: tuple[Int32s, Int32s],
    sides: tuple[Bools, Bools],
) -> Connectivity:
    """Say which configurations of a part are cut off from each other."""
    graph, numbers = problem.graph, problem.supports.variables[rows[0]].tolist()
    one, other = (rows[1][int(np.argmax(side))].tolist() for side in sides)
    differ = [c for c in range(len(one)) if one[c] != other[c]][:6]

    def told(row: list[int]) -> str:
        return ", ".join(f"{graph.variables[numbers[c]]}={quote(graph.labels(numbers[c])[row[c]])}" for c in differ)

    involved = tuple(sorted(problem.supports.factors[factors].tolist()))
    titles = ", ".join(graph.title(f) for f in involved[:3]) + (f" and {len(involved) - 3} more" if len(involved) > 3 else "")
    verb = "keeps" if len(involved) == 1 else "keep"
    return Connectivity(
        False, f"{titles} {verb} changes of single variables from leading from {told(one)} to {told(other)}", involved
    )


def _roomy(problem: Problem, factors: list[int]) -> bool:
    r"""Whether pairwise factors leave every variable so many states that single changes can be made in any order.

    With b_f(i) the most states of variable i that factor f forbids at one state of the other, moves connect all
    configurations where :math:`k_i > \sum_f b_f(i) + \max_f b_f(i)` for every i. To give a variable its final state, each
    neighbour in the way first goes to a state that suits its neighbours and the final state. For the proper
    colourings of a graph of degree D this asks for D + 2 colours.

    References
    ----------
    Jerrum, M. (1995). A very simple algorithm for estimating the number of k-colourings. Random Structures and Algorithms 7(2).
    """
    total: dict[int, int] = {}
    worst: dict[int, int] = {}
    for f in factors:
        members = [i for i in problem.supports.members(f).tolist() if problem.sizes[i] > 1]
        if len(members) != 2:
            return False
        table = core_table(problem, f) == 0
        for i, blocked in zip(members, (table.sum(axis=0), table.sum(axis=1)), strict=True):
            total[i] = total.get(i, 0) + int(blocked.max())
            worst[i] = max(worst.get(i, 0), int(blocked.max()))
            if problem.sizes[i] <= total[i] + worst[i]:
                return False
    return True


def _by_parts(problem: Problem, factors: list[int], moves: Moves) -> Connectivity:
    """Look for a part of a component that cuts the whole, then for a walk that ends."""
    for part in parts_of(problem, factors):
        rows = listed(problem, part, LOCAL_ROWS)
        labels = None if rows is None else moves.classes(*rows)
        if rows is not None and labels is not None and labels.max(initial=0) > 0:
            occurring = _occurring(problem, rows, labels)
            if len(occurring) > 1:
                return _told(problem, part, rows, (labels == occurring[0], labels == occurring[1]))
    if moves.single and cut_off(problem, factors):
        involved = tuple(sorted(problem.supports.factors[factors].tolist()))
        return Connectivity(False, f"a walk of single changes within {_some(problem, factors)} ends", involved)
    return Connectivity(None, f"{_some(problem, factors)} allow too much to be listed", ())


def _some(problem: Problem, factors: list[int]) -> str:
    titles = ", ".join(problem.graph.title(f) for f in problem.supports.factors[factors[:2]].tolist())
    return f"{len(factors)} factors with zeros that hang together ({titles}, ...)"


def _occurring(problem: Problem, rows: tuple[Int32s, Int32s], labels: Int64s) -> list[int]:
    """Return up to two classes of a part that occur in possible configurations of the whole."""
    found: list[int] = []
    for label in range(min(int(labels.max()) + 1, SAMPLES)):
        if len(found) < 2 and _occurs(problem, rows[0], rows[1][labels == label]):
            found.append(label)
    return found


def _occurs(problem: Problem, variables: Int32s, rows: Int32s) -> bool:
    """Whether one of some states of a part belongs to a possible configuration."""
    supports = problem.supports
    for row in rows[np.linspace(0, len(rows) - 1, min(len(rows), SAMPLES)).astype(int)].tolist():
        domain = problem.core.copy()
        for i, s in zip(variables.tolist(), row, strict=True):
            domain[supports.first[i] : supports.first[i + 1]] = 0
            domain[supports.first[i] + s] = 1
        status = searched(supports, domain, NODES, np.random.SeedSequence(0)).progress[STATUS]
        if status == SOLVED:
            return True
        if status != CONTRADICTION:
            return False
    return False
