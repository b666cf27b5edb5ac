"""Factor graphs whose tables are made of weights that factors share: the models whose weights are learnt."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.graphs.bulk import flatten_scopes, flatten_tables
from stochinf.graphs.factor_graph import FactorGraph, Labels
from stochinf.graphs.flat import FlatFactors, Floats, Int32s, check_cardinality, flat_factors, log_of_weights
from stochinf.graphs.naming import did_you_mean, quote
from stochinf.graphs.weighted_entries import entry_features, entry_weights

__all__ = ["WeightedGraph"]


class WeightedGraph(FactorGraph):
    r"""A factor graph whose log tables are linear in named weights.

    .. math:: p(x) = \frac{1}{Z(w)} \exp \sum_f \big( b_f(x_f) + w_{k_f(x_f)} \phi_f(x_f) \big)

    Every entry of every table has a base weight :math:`e^b`, perhaps a weight :math:`w_k`, and a feature value
    :math:`\phi` that multiplies it. So one tied weight with a table of features, a weight for each entry, and features that
    come with the data are the same thing. `stochinf.learn_weights` learns the weights; everywhere else the graph is a
    `FactorGraph` with the tables that its weights give.

    Parameters
    ----------
    n_states : sequence of V ints
        As in `FactorGraph`.
    scopes : sequence of F tuples, or an int array (F, arity)
        As in `FactorGraph`.
    weights : sequence of F names or lists of names, or an int array (F,) or (F, ...)
        What weight a factor has: a name (anything hashable), or a list or array of names, one for each entry of its table,
        None for an entry without. An array of ints holds numbers of weights, -1 for none.
    features : dict of name to table, or sequence of F tables or numbers, optional
        What the weight of an entry is multiplied by: a table for each factor, a number for all entries alike, or a table for
        each name of a weight. By default 1, which is of use only where each entry has its own weight.
    values : dict of name to float, or float64 (W,), optional
        Value of each weight; 0 where none is given.
    fixed : sequence of names, optional
        Weights that are not learnt.
    tables : sequence of F arrays, optional
        Base weights :math:`e^b`, at least 0; by default 1.
    names, states : sequences, optional
        As in `FactorGraph`.

    Raises
    ------
    GraphError
        Where a rule above is broken, naming the factor or the weight.
    MemoryLimitError
        As in `FactorGraph`.

    References
    ----------
    Koller, D. and Friedman, N. (2009). Probabilistic Graphical Models, section 20.2 (log-linear models, shared parameters).

    Examples
    --------
    A chain of three spins, its field and coupling tied:

    >>> from stochinf.graphs import WeightedGraph
    >>> scopes = [(0,), (1,), (2,), (0, 1), (1, 2)]
    >>> features = {"h": [-1, 1], "J": [[1, -1], [-1, 1]]}
    >>> graph = WeightedGraph([2] * 3, scopes, ["h"] * 3 + ["J"] * 2, features, values={"J": 0.5})
    >>> graph, graph.weight_names, graph.log_score({0: 1, 1: 1, 2: 0})
    (WeightedGraph(3 variables, 5 factors, 2 states, 2 weights), ['h', 'J'], 0.0)
    """

    weight_names: list[Hashable]
    """Names of the weights, in the order of `weight_values`."""
    weight_values: Floats
    """float64 (W,)."""
    weight_fixed: npt.NDArray[np.bool_]
    """Whether each weight is left as it is by learning, bool (W,)."""
    entry_weight: Int32s
    """Number of the weight of each entry of all tables, -1 for none."""
    entry_feature: Floats
    """Feature value of each entry of all tables."""
    base: Floats
    """Logarithm of the base weight of each entry of all tables."""

    def __init__(
        self,
        n_states: Sequence[int] | npt.NDArray[np.integer[Any]],
        scopes: Sequence[Sequence[Hashable]] | npt.NDArray[np.integer[Any]],
        weights: Sequence[Any] | npt.NDArray[Any],
        features: Any = None,
        *,
        values: Mapping[Any, float] | npt.ArrayLike | None = None,
        fixed: Sequence[Hashable] = (),
        tables: Sequence[npt.ArrayLike] | npt.NDArray[Any] | None = None,
        names: Sequence[Hashable] | None = None,
        states: Labels | None = None,
    ) -> None:
        self._name(len(n_states), names)
        cardinality = check_cardinality(n_states, self.variables)
        self._label(cardinality, states)
        layout = flat_factors(cardinality, *flatten_scopes(scopes, self.index), self.variables)
        self.weight_names, self.entry_weight, owner = entry_weights(weights, layout, self.variables)
        self.entry_feature = entry_features(features, owner, self.weight_names, layout, self.variables)
        self.base = np.zeros(int(layout.table_start[-1]))
        if tables is not None:
            self.base = log_of_weights(flatten_tables(list(tables), layout, self.variables), layout, self.variables)
        self.weight_fixed = _fixed(fixed, self.weight_names)
        self._fill(layout, given_values(values, self.weight_names))

    def _fill(self, layout: FlatFactors, values: Floats) -> None:
        """Set the weights and make the tables."""
        self.weight_values = values
        with np.errstate(over="ignore"):
            logs = self.base + np.append(values, 0.0)[self.entry_weight] * self.entry_feature
        self.flat = layout._replace(log_weights=log_of_weights(logs, layout, self.variables, logarithms=True))
        arrays = (self.weight_values, self.weight_fixed, self.entry_weight, self.entry_feature, self.base)
        for array in (*self.flat, *arrays):
            array.setflags(write=False)

    def with_values(self, values: Mapping[Any, float] | npt.ArrayLike) -> Self:
        """Return the graph with other values of its weights: a dict by name (others stay), or all in order.

        Raises
        ------
        GraphError
            If a name is unknown or a number not finite.
        """
        graph = type(self).__new__(type(self))
        graph._nodes, graph._states = self._nodes, self._states
        graph.weight_names, graph.weight_fixed = self.weight_names, self.weight_fixed
        graph.entry_weight, graph.entry_feature, graph.base = self.entry_weight, self.entry_feature, self.base
        graph._fill(self.flat, given_values(values, self.weight_names, self.weight_values))
        return graph

    def recipe(self) -> dict[str, Any]:
        """Return the arguments of `from_recipe`, for saved runs."""
        known = {name: value for name, value in super().recipe().items() if name not in ("field", "edges", "coupling", "child")}
        own = ("weight_values", "weight_fixed", "entry_weight", "entry_feature", "base")
        return {**known, **{name: getattr(self, name) for name in own}, "weight_names": tuple(self.weight_names)}

    @classmethod
    def from_recipe(cls, *, names: Any, states: Any, **arrays: Any) -> "WeightedGraph":
        """Return the graph of a saved run."""
        graph = cls.__new__(cls)
        layout = FlatFactors(*(arrays.pop(name) for name in FlatFactors._fields))
        graph._name(layout.cardinality.size, list(names))
        graph._label(layout.cardinality, states)
        graph.weight_names, values = list(arrays.pop("weight_names")), arrays.pop("weight_values")
        graph.weight_fixed = np.asarray(arrays.pop("weight_fixed"), np.bool_)
        graph.entry_weight, graph.entry_feature, graph.base = (arrays[k] for k in ("entry_weight", "entry_feature", "base"))
        graph._fill(layout, np.array(values))
        return graph

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1].replace('FactorGraph', 'WeightedGraph', 1)}, {len(self.weight_names)} weights)"


def given_values(values: Any, names: Sequence[Hashable], others: Floats | None = None) -> Floats:
    """Return the value of each weight: those given, else those of `others`, else 0.

    Raises
    ------
    GraphError
        If a name is unknown, or a number is not finite.
    """
    found = np.zeros(len(names)) if others is None else np.array(others)
    if isinstance(values, Mapping):
        number = {name: k for k, name in enumerate(names)}
        for name, value in values.items():
            if name not in number:
                raise GraphError(f"values: {quote(name)} is no weight of the graph{did_you_mean(name, names)}")
            found[number[name]] = value
    elif values is not None:
        found = np.array(values, dtype=np.float64)
    if found.shape != (len(names),):
        raise GraphError(f"values of shape {found.shape} for {len(names)} weights; give one number for each, or a dict by name")
    if not np.isfinite(found).all():
        culprit = int(np.argmin(np.isfinite(found)))
        raise GraphError(f"weight {quote(names[culprit])} is {found[culprit]}; finite numbers are needed")
    return found


def _fixed(fixed: Sequence[Hashable], names: Sequence[Hashable]) -> npt.NDArray[np.bool_]:
    if isinstance(fixed, (str, bytes)) or not isinstance(fixed, Sequence | set | frozenset):
        raise GraphError(f"fixed is {quote(fixed)}; give a list of names of weights")
    for name in fixed:
        if name not in names:
            raise GraphError(f"fixed: {quote(name)} is no weight of the graph{did_you_mean(name, names)}")
    chosen = set(fixed)
    return np.array([name in chosen for name in names], np.bool_)
