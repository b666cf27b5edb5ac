"""`stochinf learn`: the weights of a graph in DeepDive's files, from the evidence in them."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stochinf.commands.codes import INTERRUPTED, NOT_CONVERGED, OK, note

if TYPE_CHECKING:
    from stochinf.learning.result import LearntWeights

__all__ = ["add", "run", "weight_table"]

ROWS = 30
NUMBERS = ("method", "l1", "l2", "epochs", "particles", "k")


def add(commands: Any) -> None:
    """Describe the words of the command."""
    one = commands.add_parser("learn", help="the weights of a graph in DeepDive's files, from the evidence in them")
    one.add_argument("graph", metavar="GRAPH", type=Path, help="the folder, or its graph.meta")
    one.add_argument("--output", type=Path, metavar="FOLDER", help="where the learnt graph goes, which `stochinf infer` reads")
    one.add_argument("--method", help="auto, exact, pseudo-likelihood, cd or pcd (auto)")
    one.add_argument("--l1", type=float, metavar="X", help="penalty X |w|; whatever pulls weights to 0")
    one.add_argument("--l2", type=float, metavar="X", help="penalty X w^2 / 2; keeps weights from running away")
    one.add_argument("--epochs", type=int, metavar="N", help="passes over the variables")
    one.add_argument("--particles", type=int, metavar="N", help="chains of cd and pcd side by side")
    one.add_argument("--k", type=int, metavar="N", help="sweeps between two steps of cd and pcd (1)")
    one.add_argument("--seed", type=int, metavar="N", help="the same seed gives the same bits")
    one.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Read a graph and its evidence, learn, write the learnt graph; return the exit code."""
    from stochinf.api.learning import learn_weights
    from stochinf.engine.errors import ConvergenceWarning
    from stochinf.graphs.formats.deepdive import read_deepdive
    from stochinf.graphs.formats.deepdive_writer import write_deepdive

    made = read_deepdive(options.graph)
    given = {name: getattr(options, name) for name in NUMBERS if getattr(options, name) is not None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = learn_weights(made, rng=options.seed, **given)
    print(weight_table(found))
    if options.output is not None:
        folder = options.output.parent if options.output.suffix == ".meta" else options.output
        graph: Any = found.graph
        write_deepdive(graph, folder, made.evidence, made.fixed, made.truthiness, made.given)
        note(f"{folder}: {len(found.weights)} weights of {graph.n_variables} variables")
    if found.interrupted:
        note("interrupted; these are the weights so far")
        return INTERRUPTED
    if not found.converged:
        note(f"not converged: {found.reason}")
        return NOT_CONVERGED
    return OK


def weight_table(found: LearntWeights) -> str:
    """Return the first weights with their errors, and how they were found.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.commands.learn import weight_table
    >>> graph = si.graphs.WeightedGraph([2], [(0,)], [[None, "w"]])
    >>> print(weight_table(si.learn_weights(graph, [[1], [1], [1], [0]])))  # doctest: +ELLIPSIS
    weight    value         se            R-hat
    w         1.0986        1.15
    exact: ...
    """
    rows = found.table()
    width = max([8, *(len(str(row["name"])) for row in rows[:ROWS])])
    lines = [f"{'weight':<{width}}  {'value':<12}  {'se':<12}  R-hat"]
    for row in rows[:ROWS]:
        error = "fixed" if row["fixed"] else f"{row['se']:.3g}"
        rhat = "" if row["rhat"] != row["rhat"] else f"{row['rhat']:.3f}"
        lines.append(f"{row['name']!s:<{width}}  {row['value']:<12.5g}  {error:<12}  {rhat}".rstrip())
    if len(rows) > ROWS:
        lines.append(f"... and {len(rows) - ROWS} more; --output FOLDER writes all")
    said = found.reason if found.reason.startswith(found.method) else f"{found.method}: {found.reason}"
    return "\n".join([*lines, f"{said}, seed {found.rng_entropy}"])
