"""The command line: `stochinf infer`, `precompile` and `info`."""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import sys
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from stochinf.graphs.factor_graph import FactorGraph
    from stochinf.graphs.marginals import Marginals

__all__ = ["main"]

OK, FAILED, BAD_INPUT, NOT_CONVERGED, INTERRUPTED = 0, 1, 2, 3, 130
RHAT_LIMIT = 1.05
ROWS = 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 2 bad input, 3 not converged, 130 interrupted with what there was.

    Examples
    --------
    >>> from stochinf.cli import main
    >>> main(["infer", "no-such-file.uai"])
    2
    """
    options = parser().parse_args(arguments)
    from stochinf.engine.errors import StochinfError

    try:
        return int(options.command(options))
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  (whoever read has gone; Python flushes at exit)
        return OK
    except (StochinfError, OSError) as error:
        print(f"stochinf: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    from stochinf import __version__

    top = argparse.ArgumentParser(prog="stochinf", description="Probabilistic inference and sampling.")
    top.add_argument("--version", action="version", version=f"stochinf {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _add_infer(commands)
    warm = commands.add_parser("precompile", help="compile the common loops now, so that first calls are quick")
    warm.set_defaults(command=precompile)
    facts = commands.add_parser("info", help="versions, processors, and the folder of compiled loops")
    facts.set_defaults(command=info)
    return top


def _add_infer(commands: Any) -> None:
    one = commands.add_parser("infer", help="marginals of a graphical model in a file")
    one.add_argument("model", metavar="MODEL", help="a .uai file (.uai.gz too)")
    one.add_argument(
        "--evidence", nargs="+", action="extend", default=[], metavar="FILE|NAME=STATE", help="an .evid file, or states"
    )
    one.add_argument("--task", choices=["MAR"], default="MAR", help="MAR: the marginal of every variable")
    one.add_argument("--method", default="gibbs", help="gibbs")
    one.add_argument("--chains", type=int, default=64, help="independent chains (64)")
    one.add_argument("--draws", type=int, help="sweeps per chain (1000, or as many as --time allows)")
    one.add_argument("--warmup", type=int, default=200, help="sweeps before (200)")
    one.add_argument("--time", type=float, metavar="S", help="stop after S seconds")
    one.add_argument("--mcse", type=float, metavar="E", help="stop when every standard error is at most E")
    one.add_argument("--seed", type=int, metavar="N", help="the same seed gives the same bits")
    one.add_argument("--threads", type=int, help="every processor by default")
    one.add_argument("--output", type=Path, metavar="FILE", help="where to write; without it a table is printed")
    one.add_argument("--format", choices=["uai", "json", "csv"], help="of the output; by the file's name, else uai")
    one.set_defaults(command=infer)


def infer(options: argparse.Namespace) -> int:
    """Read a model, infer its marginals, print a table or write a file."""
    from stochinf.api.marginals import marginals
    from stochinf.engine.checkpoint import demand_writable
    from stochinf.graphs.formats import read_graph

    if options.output is not None:
        demand_writable(options.output)
    graph = read_graph(options.model)
    evidence = given_evidence(options.evidence, graph)
    result = marginals(
        graph, evidence, options.method, chains=options.chains, draws=options.draws, warmup=options.warmup, time=options.time,
        mcse=options.mcse, rng=options.seed, threads=options.threads,
    )  # fmt: skip
    form = options.format or {".json": "json", ".csv": "csv"}.get("" if options.output is None else options.output.suffix, "uai")
    if options.output is not None:
        save(options.output, written(result, form))
        print(f"{options.output}: marginals of {len(result)} variables", file=sys.stderr)
    elif options.format:
        sys.stdout.write(written(result, form))
    else:
        print_table(result, sys.stdout)
    return verdict(result)


def save(path: Path, text: str) -> None:
    """Write a result; where the disk is full it goes to standard output, so that nothing is lost."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError:
        sys.stdout.write(text)
        raise


def given_evidence(words: Sequence[str], graph: FactorGraph) -> dict[Hashable, Hashable]:
    """Return evidence from files and from NAME=STATE, names and states compared as text.

    Raises
    ------
    GraphError
        If a name or a state is unknown.
    """
    from stochinf.engine.errors import GraphError
    from stochinf.graphs.formats import read_evidence

    evidence: dict[Hashable, Hashable] = {}
    nodes = {str(node): node for node in graph.variables}
    for word in words:
        name, equals, state = word.rpartition("=")
        if not equals or (name not in nodes and Path(word).exists()):
            evidence.update(read_evidence(word, graph))
            continue
        if name not in nodes:
            raise GraphError(f"evidence {word!r}: no variable {name!r}; there are {', '.join(list(nodes)[:10])}, ...")
        labels = {str(label): label for label in graph.states[nodes[name]]}
        if state not in labels:
            raise GraphError(f"evidence {word!r}: {name} has the states {', '.join(labels)}")
        evidence[nodes[name]] = labels[state]
    return evidence


def written(result: Marginals, form: str) -> str:
    """Return the marginals in the UAI result format, as JSON or as CSV."""
    text = io.StringIO()
    if form == "uai":
        from stochinf.graphs.formats.uai import write_uai_marginals

        write_uai_marginals(result, text)
    elif form == "json":
        json.dump(as_json(result), text, indent=1)
        text.write("\n")
    else:
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["variable", "state", "probability", "mcse", "rhat", "ess"])
        for node in result:
            for label, p, error in zip(result.states[node], result[node], result.mcse[node], strict=True):
                rows.writerow([node, label, f"{p:.9g}", f"{error:.3g}", f"{result.rhat[node]:.5g}", f"{result.ess[node]:.6g}"])
    return text.getvalue()


def as_json(result: Marginals) -> dict[str, Any]:
    """Return marginals and how they were found as plain values; what is not a number is null."""

    def number(value: Any) -> float | None:
        return float(value) if value == value and abs(value) != float("inf") else None

    variables = {
        str(node): {
            "states": [str(label) for label in result.states[node]],
            "probabilities": [float(p) for p in result[node]],
            "mcse": [number(e) for e in result.mcse[node]],
            "rhat": number(result.rhat[node]),
            "ess": number(result.ess[node]),
        }
        for node in result
    }
    facts = ("method", "reason", "exact", "chains", "sweeps", "warmup", "interrupted", "stopped")
    how = {name: getattr(result, name) for name in facts}
    return {**how, "seed": str(result.rng_entropy), "seconds": dict(result.seconds), "marginals": variables}


def print_table(result: Marginals, out: TextIO) -> None:
    """Print the first variables with their probabilities and errors, and how the run went."""
    nodes = list(result)[:ROWS]
    width = max([8, *(len(str(node)) for node in nodes)])
    print(f"{'variable':<{width}}  probabilities (largest standard error)", file=out)
    for node in nodes:
        pairs = list(zip(result.states[node], result[node], strict=True))[:6]
        cells = "  ".join(f"{label}: {p:.4f}" for label, p in pairs)
        more = " ..." if len(result[node]) > 6 else ""
        print(f"{node!s:<{width}}  {cells}{more}  ({result.mcse[node].max():.1g})", file=out)
    if len(result) > len(nodes):
        print(f"... and {len(result) - len(nodes):,} more; --output FILE writes all", file=out)
    print(
        f"{result.method}: {result.chains:,} chains x {result.sweeps:,} sweeps in {sum(result.seconds.values()):.2f} s, "
        f"{result.quality}seed {result.rng_entropy}",
        file=out,
    )


def verdict(result: Marginals) -> int:
    """Return the exit code, and say on standard error why it is not 0."""
    if result.interrupted:
        print("stochinf: interrupted; these are the marginals of the sweeps done", file=sys.stderr)
        return INTERRUPTED
    if result.rhat.max() > RHAT_LIMIT:
        worst = max(result, key=lambda node: result.rhat[node] if result.rhat[node] == result.rhat[node] else 0.0)
        print(
            f"stochinf: not converged: R-hat of variable {worst} is {result.rhat[worst]:.3g} (at most {RHAT_LIMIT} is good); "
            "the chains disagree, give more --time or --warmup",
            file=sys.stderr,
        )
        return NOT_CONVERGED
    return OK


def precompile(options: argparse.Namespace) -> int:
    """Warm the cache of compiled loops."""
    from stochinf.api.precompiling import precompile as warm

    warm()
    return OK


def info(options: argparse.Namespace) -> int:
    """Print versions, processors and the folder of compiled loops."""
    import platform

    from stochinf.engine.cache import cache_folder
    from stochinf.engine.jit import versions
    from stochinf.engine.threads import processors

    folder = cache_folder()
    loops = [] if folder is None else list(folder.glob("*.loop"))
    facts = {
        "python": platform.python_version(),
        **versions(),
        "processors": processors(),
        "compiled loops": "no writable folder: compiled anew in every process"
        if folder is None
        else f"{len(loops)} in {folder} ({sum(file.stat().st_size for file in loops) / 1e6:.1f} MB)",
    }
    for name, value in facts.items():
        print(f"{name:<15} {value}")
    return OK
