"""`learn_weights`: the front door of learning graphical models."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from stochinf.api.fitting import by_likelihood, by_pseudo_likelihood
from stochinf.engine.convert import counted
from stochinf.engine.errors import MemoryLimitError, StochinfError, warn_of_doubt
from stochinf.engine.streams import entropy_of
from stochinf.graphs.formats.deepdive import DeepDive, read_deepdive
from stochinf.graphs.question import chosen
from stochinf.learning.bounds import refuse_extremes
from stochinf.learning.contrastive import by_cd, by_pcd
from stochinf.learning.exact import MOST_CELLS, exact_parts
from stochinf.learning.model import learning_model
from stochinf.learning.moments import Moments
from stochinf.learning.observations import observations
from stochinf.learning.question import Answer, Question
from stochinf.learning.result import LearntWeights

__all__ = ["learn_weights"]


def learn_weights(
    graph: Any,
    data: Any = None,
    method: str = "auto",
    *,
    evidence: Mapping[Any, Any] | None = None,
    given: Iterable[Any] = (),
    optimizer: Any = None,
    learning_rate: Any = None,
    schedule: Any = None,
    l1: float = 0.0,
    l2: float = 0.0,
    sample_weight: Any = None,
    se: bool = True,
    stop: Any = None,
    epochs: int | None = None,
    particles: int | None = None,
    k: int = 1,
    batch: int | None = None,
    memory: int | None = None,
    rng: Any = None,
    progress: bool | None = None,
    callback: Callable[[Any], Any] | None = None,
) -> LearntWeights:
    r"""Learn the weights of a graphical model from data.

    .. math:: \hat w = \arg\max_w \frac1N \sum_r \log p_w(x_r) - \frac{\lambda_2}{2} |w|^2 - \lambda_1 |w|_1,

    what is hidden in a row summed out. The gradient is the difference of the statistics that the data and the model expect.

    Parameters
    ----------
    graph : WeightedGraph, LogicalGraph, or a folder of DeepDive's files
        Learning starts at the weights it has; fixed ones stay. A folder brings its evidence along.
    data : array (N, V), sequence of dicts or of rows of labels, data frame, optional
        Rows: state numbers with -1 for missing (floats: NaN), or labels with None or NaN for missing.
    method : {"auto", "exact", "pseudo-likelihood", "cd", "pcd"}
        "auto" is exact where the graph's parts can be summed out, pseudo-likelihood where nothing is missing, else persistent
        contrastive divergence; `reason` says which and why.
    evidence : dict, optional
        In place of rows: what was observed inside one graph, by variable a state or a distribution of states.
    given : names of variables, optional
        Inputs: conditioned on, not explained.
    optimizer : part, optional
        A rule of `stochinf.optim`; by default (L-)BFGS for whole gradients, projected gradients for l1.
    learning_rate, schedule : number or schedule, optional
        Of the stochastic methods, and a factor of it.
    l1, l2 : float
        Penalties, beside the mean log likelihood of a row, or beside the whole log likelihood of one graph.
    sample_weight : sequence of N numbers, optional
        How often each row counts.
    se : bool
        Standard errors take time for many weights: False leaves them out.
    stop : Rule, optional
        Of `stochinf.stop`.
    epochs : int, optional
        Passes of the stochastic methods.
    particles, k : int, optional
        Chains of "cd" and "pcd", and their sweeps between two steps.
    batch : int, optional
        Rows, or variables of one graph, of a stochastic step.
    memory : int, optional
        Bytes that tables of exact inference may take.
    rng, progress, callback : optional
        As in `stochinf.run`.

    Returns
    -------
    LearntWeights
        `r.weights`, `r.se`, `r.rhat` by name, `r.graph` the learnt graph, `r.moments` the convergence test, `r.history`,
        `r.reason`, `r.method`, `r.converged`.

    Raises
    ------
    GraphError
        If the graph has no weights to learn; the data are none, unknown, impossible or separable; or the method cannot use them.
    MemoryLimitError
        If the method needs too much memory.
    StochinfError
        If another argument breaks a rule.

    References
    ----------
    Koller, D. and Friedman, N. (2009). Probabilistic Graphical Models, chapter 20.

    Examples
    --------
    A coin that shows heads three times out of four:

    >>> import stochinf as si
    >>> coin = si.graphs.WeightedGraph([2], [("coin",)], [[None, "heads"]], names=["coin"], states=[["tails", "heads"]])
    >>> r = si.learn_weights(coin, [["heads"], ["heads"], ["heads"], ["tails"]])
    >>> round(r.weights["heads"], 4), r.method, r.converged
    (1.0986, 'exact', True)
    >>> si.marginals(r.graph)["coin"].round(4).tolist()
    [0.25, 0.75]
    """
    graph, evidence, given = _opened(graph, data, evidence, given)
    model = learning_model(graph)
    question = Question(
        model, observations(graph, data, evidence, given, sample_weight), optimizer, learning_rate, schedule,
        _strength("l1", l1), _strength("l2", l2), stop, _counted("epochs", epochs), _counted("particles", particles),
        counted("k", k), _counted("batch", batch), _counted("memory", memory), bool(se), entropy_of(rng), progress, callback,
    )  # fmt: skip
    known: dict[str, Any] = {"auto": None, **METHODS}
    answer = chosen(method, known)
    if question.l1 == 0.0 and question.l2 == 0.0:
        refuse_extremes(model, question.observed)
    name, why = _automatic(question) if answer is None else (method, "")
    return _learnt(question, METHODS[name](question), name, why)


def _opened(graph: Any, data: Any, evidence: Any, given: Iterable[Any]) -> tuple[Any, Any, Iterable[Any]]:
    """Return the graph of a folder with what it observes; anything else as it is."""
    if isinstance(graph, (str, os.PathLike)):
        graph = read_deepdive(os.fspath(graph))
    if not isinstance(graph, DeepDive):
        return graph, evidence, given
    if data is None and evidence is None:
        evidence = {**graph.truthiness, **graph.evidence}
        given = [*given, *graph.given]
    return graph.graph, evidence, given


def _strength(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not 0.0 <= number < np.inf:
        raise StochinfError(f"learn_weights: {name} = {value!r}; a finite number of at least 0 is needed")
    return number


def _counted(name: str, value: Any) -> int | None:
    return None if value is None else counted(name, value)


def _automatic(question: Question) -> tuple[str, str]:
    """Return the method for a question, and why."""
    observed, stochastic = question.observed, question.particles is not None or question.epochs is not None
    why = "chains or epochs were asked for"
    if not stochastic:
        try:
            parts = exact_parts(question.model, observed, MOST_CELLS)
        except MemoryLimitError as error:
            why = str(error)
        else:
            return "exact", f"exact: {len(parts)} different parts can be summed out"
    if question.optimizer is None and not stochastic and not (observed.rows < 0).any():
        return "pseudo-likelihood", f"pseudo-likelihood: every state is observed, and {why}"
    return "pcd", f"pcd: {why}"


def _learnt(question: Question, answer: Answer, method: str, why: str) -> LearntWeights:
    """Return the result; warn of what should not be trusted."""
    model, learnt = question.model, question.model.learnt
    names = [model.names[j] for j in learnt.tolist()]
    moments = None
    if answer.expected is not None and answer.observed is not None:
        error = np.zeros(model.n_weights) if answer.expected_error is None else answer.expected_error
        moments = Moments(names, answer.observed[learnt], answer.expected[learnt], error[learnt])
    if not answer.converged and not answer.interrupted:
        warn_of_doubt(f"learn_weights({method}): {answer.reason}")
    return LearntWeights(model, answer, method=method, why=why, moments=moments, entropy=question.entropy)


METHODS: dict[str, Callable[[Question], Answer]] = {
    "exact": by_likelihood,
    "pseudo-likelihood": by_pseudo_likelihood,
    "cd": by_cd,
    "pcd": by_pcd,
}
"""By name."""
