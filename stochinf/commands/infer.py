"""`stochinf infer`: marginals, the most probable state, or the partition function of a model in a file."""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stochinf.commands.codes import INTERRUPTED, NOT_CONVERGED, OK, note, warn

if TYPE_CHECKING:
    from stochinf.graphs.answers import LogPartition, MapState
    from stochinf.graphs.factor_graph import FactorGraph
    from stochinf.graphs.marginals import Marginals

__all__ = ["add", "run", "verdict"]

RHAT_LIMIT = 1.05
TASKS = """MAR: the marginal of every variable (default); MAP and MPE: the most probable state of all variables together
 (in later contests MAP is the marginal MAP, of a few variables with the others summed out: not here); PR: the partition function,
 shown as natural and decimal logarithm, decimal in files"""
SAMPLING = ("chains", "draws", "warmup", "mcse")


def add(commands: Any) -> None:
    """Describe the words of the command."""
    one = commands.add_parser("infer", help="marginals, most probable state or partition function of a model in a file")
    one.add_argument("model", metavar="MODEL", help="a model in any format that is read: .uai, .bif, ...; .gz too")
    one.add_argument(
        "--evidence", nargs="+", action="extend", default=[], metavar="FILE|NAME=STATE", help="an .evid file, or states"
    )
    one.add_argument("--task", choices=["MAR", "MAP", "MPE", "PR"], default="MAR", help=TASKS)
    one.add_argument("--method", help="auto, or one by name; an unknown name lists them (auto)")
    one.add_argument("--time", type=float, metavar="S", help="stop after S seconds")
    one.add_argument("--memory", metavar="SIZE", help="what tables may take: bytes, 500M, 2G (a share of what is free)")
    one.add_argument("--chains", type=int, help="independent chains, for MAR and PR (64)")
    one.add_argument("--draws", type=int, help="sweeps per chain, for MAR and PR (1000, or as many as --time allows)")
    one.add_argument("--warmup", type=int, help="sweeps before, for MAR and PR (200)")
    one.add_argument("--mcse", type=float, metavar="E", help="stop when every standard error is at most E, for MAR and PR")
    one.add_argument("--seed", type=int, metavar="N", help="the same seed gives the same bits")
    one.add_argument("--threads", type=int, help="every processor by default")
    one.add_argument("--output", type=Path, metavar="FILE", help="where to write; without it a table is printed")
    one.add_argument("--format", choices=["uai", "json", "csv"], help="of the output; by the file's name, else uai")
    one.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Read a model, answer, print a table or write a file; return the exit code."""
    from stochinf.commands.given import evidence_of
    from stochinf.commands.results import form_of, save, written
    from stochinf.commands.tables import table
    from stochinf.engine.checkpoint import demand_writable
    from stochinf.graphs.formats import read_graph

    words = _words(options)
    if options.output is not None:
        demand_writable(options.output)
    graph = read_graph(options.model)
    result = _answer(options.task, graph, evidence_of(options.evidence, graph), words)
    if not _there(result):
        note(f"{'interrupted' if result.interrupted else 'time was up'} before the first answer")
        return INTERRUPTED if result.interrupted else NOT_CONVERGED
    form = form_of(options.format, options.output)
    if options.output is not None:
        save(options.output, written(result, form, options.task))
        print(f"{options.output}: {options.task} of {graph.n_variables} variables", file=sys.stderr)
    elif options.format:
        sys.stdout.write(written(result, form, options.task))
    else:
        print(table(result))
    return verdict(result)


def _words(options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of a front door that were given.

    Raises
    ------
    StochinfError
        If one does not suit the task, or the memory is no size.
    """
    from stochinf.commands.given import bytes_of
    from stochinf.engine.errors import StochinfError

    given = {"rng": options.seed}
    for name in ("method", "time", "threads", *SAMPLING):
        value = getattr(options, name)
        if value is not None:
            if name in SAMPLING and options.task in ("MAP", "MPE"):
                raise StochinfError(f"--{name} {value}: a search has none; --task {options.task} takes --time")
            given[name] = value
    if options.memory is not None:
        given["memory"] = bytes_of(options.memory)
    return given


def _answer(task: str, graph: FactorGraph, evidence: Any, words: dict[str, Any]) -> Marginals | MapState | LogPartition:
    """Ask the front door of a task; what it warns of is in its result, and said by `verdict`."""
    from stochinf.engine.errors import ConvergenceWarning

    door: Any
    if task == "MAR":
        from stochinf.api.marginals import marginals as door
    elif task == "PR":
        from stochinf.api.log_partitions import log_partition as door
    else:
        from stochinf.api.map_states import map_state as door
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return door(graph, evidence, **words)  # type: ignore[no-any-return]


def _there(result: Marginals | MapState | LogPartition) -> bool:
    """Whether there are numbers at all."""
    import numpy as np

    numbers = getattr(result, "probability", getattr(result, "value", 0.0))
    return not np.isnan(numbers).any()


def verdict(result: Marginals | MapState | LogPartition) -> int:
    """Return the exit code, and say on standard error why it is not 0, and what else there is to know."""
    said = getattr(result, "warnings", ())
    warn(said)
    if result.interrupted:
        note("interrupted; this is the answer of what was done")
        return INTERRUPTED
    rhat = getattr(result, "rhat", None)
    if rhat is not None and rhat.max() > RHAT_LIMIT:
        worst = max(rhat, key=lambda node: rhat[node] if rhat[node] == rhat[node] else 0.0)
        note(
            f"not converged: R-hat of variable {worst} is {rhat[worst]:.3g} (at most {RHAT_LIMIT} is good); "
            "the chains disagree, give more --time or --warmup"
        )
        return NOT_CONVERGED
    if any(line.startswith(("not ergodic", "not converged")) for line in said):
        return NOT_CONVERGED
    if result.facts.get("converged") is False:
        note(f"not converged: {result.method} stopped before its messages settled; give more --time, or another --method")
        return NOT_CONVERGED
    return OK
