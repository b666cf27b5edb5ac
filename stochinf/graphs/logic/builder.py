"""Build a logical graph rule by rule."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.graphs.evidence import state_of
from stochinf.graphs.flat import Floats, Int32s, Int64s
from stochinf.graphs.logic.factors import logical_factors
from stochinf.graphs.logic.functions import FUNCTIONS
from stochinf.graphs.logic.graph import LogicalGraph
from stochinf.graphs.naming import did_you_mean, listing, quote

__all__ = ["Logic"]

Arrays: TypeAlias = tuple[npt.NDArray[np.int16], Int64s, Int32s, Int32s, Int32s, Floats]


class Logic:
    """Rules with weights over named variables; `graph` makes the model.

    Parameters
    ----------
    variables : sequence of names, or dict of name to labels
        Without labels a variable has the states False and True.
    weights : dict of name to number, optional
        Weights that rules share, by name, and that `stochinf.learn_weights` learns; a rule with a number keeps it.

    Raises
    ------
    GraphError
        If a name or its labels break a rule.

    Examples
    --------
    >>> logic = Logic(["Smokes", "Coughs", "Cancer"], weights={"cough": 0.7})
    >>> logic.add("imply", "Smokes", "Cancer", weight=1.5)
    >>> logic.add("or", ("Smokes", False), "Coughs", weight="cough")
    >>> logic.add("istrue", "Cancer", weight=-2.0)
    >>> logic.graph()
    LogicalGraph(3 variables, 3 logical factors, 2 states)
    """

    def __init__(
        self, variables: Sequence[Hashable] | Mapping[Any, Sequence[Hashable]], weights: Mapping[Any, float] | None = None
    ) -> None:
        self._names = list(variables)
        self._states = [list(variables[name]) if isinstance(variables, Mapping) else [False, True] for name in self._names]
        nothing = logical_factors(*_arrays([], [], [], []), np.empty(0))
        self._empty = LogicalGraph([len(row) for row in self._states], nothing, self._names, self._states)
        self._weights: list[float] = []
        self._weight_ids: dict[Hashable, int] = {}
        for name, value in (weights or {}).items():
            self._weight_ids[name] = len(self._weights)
            self._weights.append(_number(value, f"weight {quote(name)}"))
        self._codes: list[int] = []
        self._literals: list[list[tuple[int, int]]] = []
        self._used: list[int] = []
        self._features: list[float] = []
        self._field = np.zeros(self._empty.field.size)

    def add(self, function: str, *literals: Any, weight: Any = 1.0, feature: float = 1.0) -> None:
        """Add a rule: exp(weight * feature * function(literals)) multiplies the distribution.

        Parameters
        ----------
        function : str
            One of `stochinf.graphs.logic.FUNCTIONS`: and, or, imply, equal, istrue, linear, ratio, logical, all, imply_mln.
        literals : names, or pairs of name and label
            A name alone is true in its variable's last state; of a rule with a head the head comes last.
        weight : float or name
            A number, or the name of a weight given to `Logic`.
        feature : float
            What the weight is multiplied with.

        Raises
        ------
        GraphError
            If the function, a variable, a state or a weight is unknown, or a number is not finite.
        """
        if function not in FUNCTIONS:
            raise GraphError(f"no logical function {quote(function)}; there are {', '.join(FUNCTIONS)}")
        if not literals:
            raise GraphError(f"a factor {function!r} without literals; give variables, or pairs of variable and state")
        found = [self._literal(given) for given in literals]
        if len({variable for variable, _ in found}) < len(found):
            raise GraphError(f"{function!r} over {listing(literals)}: a variable appears in two literals; write it without")
        if isinstance(weight, (int, float, np.integer, np.floating)) and not isinstance(weight, bool):
            number = len(self._weights)
            self._weights.append(_number(weight, "weight"))
        elif weight in self._weight_ids:
            number = self._weight_ids[weight]
        else:
            hint = did_you_mean(weight, self._weight_ids)
            raise GraphError(f"weight {quote(weight)} is no number and no weight's name{hint}")
        self._codes.append(FUNCTIONS[function].code)
        self._literals.append(found)
        self._used.append(number)
        self._features.append(_number(feature, "feature"))

    def _literal(self, given: Any) -> tuple[int, int]:
        index = self._empty.index
        name, label = given, None
        if not _hashable_in(given, index) and isinstance(given, tuple) and len(given) == 2:
            name, label = given
        if not _hashable_in(name, index):
            raise GraphError(f"literal {quote(given)}: no variable {quote(name)}{did_you_mean(name, index)}")
        variable = index[name]
        return variable, len(self._states[variable]) - 1 if label is None else state_of(self._empty, variable, label)

    def weigh(self, variable: Hashable, log_weights: Sequence[float]) -> None:
        """Add log weights, one for each state, to a variable.

        Raises
        ------
        GraphError
            If the variable is unknown, or the numbers are not one for each state, below infinity.
        """
        if not _hashable_in(variable, self._empty.index):
            raise GraphError(f"no variable {quote(variable)}{did_you_mean(variable, self._empty.index)}")
        v = self._empty.index[variable]
        logs = np.array(log_weights, np.float64)
        if logs.shape != (len(self._states[v]),) or not (logs < np.inf).all() or not (logs > -np.inf).any():
            raise GraphError(f"variable {quote(variable)}: log weights {quote(log_weights)}; {len(self._states[v])} are needed")
        start = sum(len(row) for row in self._states[:v])
        self._field[start : start + logs.size] += logs

    def graph(self) -> LogicalGraph:
        """Return the model of the rules so far."""
        arrays = _arrays(self._codes, self._literals, self._used, self._features)
        factors = logical_factors(*arrays, np.array(self._weights))
        shared = {number: name for name, number in self._weight_ids.items()}
        rule = {number: f"rule {r}" for r, number in enumerate(self._used)}
        names = [shared[k] if k in shared else rule[k] for k in range(len(self._weights))]
        learning = names, [k not in shared for k in range(len(self._weights))]
        return LogicalGraph([len(row) for row in self._states], factors, self._names, self._states, self._field, *learning)


def _arrays(codes: list[int], literals: list[list[tuple[int, int]]], used: list[int], features: list[float]) -> Arrays:
    arity = np.array([len(row) for row in literals], np.int64)
    pairs = np.array([pair for row in literals for pair in row], np.int32).reshape(-1, 2)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(arity)])
    ids, values = np.array(used, np.int32), np.array(features, np.float64)
    return np.array(codes, np.int16), starts, pairs[:, 0].copy(), pairs[:, 1].copy(), ids, values


def _hashable_in(name: Any, index: Mapping[Any, int]) -> bool:
    try:
        return name in index
    except TypeError:
        return False


def _number(value: Any, what: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number):
        raise GraphError(f"{what} is {quote(value)}; a finite number is needed")
    return number
