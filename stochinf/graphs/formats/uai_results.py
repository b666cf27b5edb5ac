"""UAI evidence and result files.

An evidence file holds ``k v_1 s_1 ... v_k s_k``, or, in the older form, the number of samples in a line of its own and
then that for each. A MAR file holds the word MAR, then ``n k_1 p p ... k_n p p ...``, the marginals of the variables in order.
"""

import os
from collections.abc import Hashable, Mapping
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.formats.textfile import MAX_BYTES, Path, Tokens, read_bytes
from stochinf.graphs.naming import quote

__all__ = ["parse_uai_evidence", "read_uai_evidence", "write_uai_marginals"]


def read_uai_evidence(path: Path, graph: FactorGraph, max_bytes: int = MAX_BYTES) -> dict[Hashable, Hashable]:
    """Read a UAI evidence file: variable -> state label of ``graph``; empty where the file is empty or holds 0.

    Raises
    ------
    GraphError
        If the file breaks a rule of the format, holds several samples, or names a variable or state that the graph lacks.
    MemoryLimitError
        If the (decompressed) file is longer than ``max_bytes``.
    OSError
        If the file cannot be opened.
    """
    return parse_uai_evidence(read_bytes(path, max_bytes), graph, str(path))


def parse_uai_evidence(data: bytes, graph: FactorGraph, source: str = "<bytes>") -> dict[Hashable, Hashable]:
    r"""Read evidence from the bytes of a UAI evidence file; as `read_uai_evidence`.

    >>> graph = FactorGraph([2, 3], [(0, 1)], [[1, 2, 3, 4, 5, 6]])
    >>> parse_uai_evidence(b"1 1 2", graph), parse_uai_evidence(b"1\n1 1 2", graph)
    ({1: 2}, {1: 2})
    """
    tokens = Tokens(data, source)
    numbers = tokens.integers(len(tokens), "the evidence")
    evidence: dict[Hashable, Hashable] = {}
    for variable, state in _pairs(numbers, tokens.line_lengths(), source):
        if not 0 <= variable < graph.n_variables:
            last = graph.n_variables - 1
            raise GraphError(f"{source}: variable {quote(variable)} is not in the graph; its variables are 0 to {last}")
        node, labels = graph.variables[variable], graph.labels(variable)
        if not 0 <= state < len(labels):
            raise GraphError(f"{source}: variable {variable} has no state {quote(state)}; its states are 0 to {len(labels) - 1}")
        if node in evidence:
            raise GraphError(f"{source}: variable {variable} is observed twice; keep one of the two")
        evidence[node] = labels[state]
    return evidence


def _pairs(numbers: list[int], line_lengths: list[int], source: str) -> list[tuple[int, int]]:
    if not numbers:
        return []
    one_case = len(numbers) == 1 + 2 * numbers[0]
    lengths = _sample_lengths(numbers)
    if len(lengths) >= 2 and (not one_case or line_lengths == [1, *lengths]):
        hint = "; or write the one case in a single line" if one_case else ""
        raise GraphError(f"{source}: {len(lengths)} samples of evidence; one is supported: keep one sample in a file{hint}")
    if not one_case and len(lengths) == 1:
        numbers = numbers[1:]
    elif not one_case:
        raise GraphError(
            f"{source}: {quote(numbers[0])} observations announced, {len(numbers) - 1} numbers follow; "
            "write k v s v s ..., two numbers for each of the k observations"
        )
    return list(zip(numbers[1::2], numbers[2::2], strict=True))


def _sample_lengths(numbers: list[int]) -> list[int]:
    """Return how many numbers each sample takes where they are a sample count and then so many samples, else nothing."""
    lengths: list[int] = []
    position = 1
    while position < len(numbers) and numbers[position] >= 0 and len(lengths) < numbers[0]:
        lengths.append(1 + 2 * numbers[position])
        position += lengths[-1]
    return lengths if len(lengths) == numbers[0] and position == len(numbers) else []


def write_uai_marginals(marginals: Mapping[Any, npt.ArrayLike], path_or_file: Path | TextIO) -> None:
    """Write marginals as a UAI MAR file, in the order of the mapping (in numeric order where its keys are 0 ... n - 1).

    Parameters
    ----------
    marginals : dict of variable to probabilities
        Each a vector of finite probabilities that sum to 1 within 1e-6.
    path_or_file : str, path or text file
        Where to; an existing file is replaced.

    Raises
    ------
    GraphError
        If a vector is no distribution.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import sys
    >>> write_uai_marginals({0: [0.25, 0.75], 1: [1.0]}, sys.stdout)
    MAR
    2 2 0.25 0.75 1 1.0
    """
    order = list(marginals)
    if set(order) == set(range(len(order))):
        order = list(range(len(order)))
    words = [str(len(order))]
    for node in order:
        probabilities = np.asarray(marginals[node], dtype=np.float64)
        if probabilities.ndim != 1 or not (probabilities >= 0).all() or not abs(probabilities.sum() - 1) <= 1e-6:
            raise GraphError(
                f"marginal of {quote(node)} is {quote(probabilities.tolist())}; probabilities that sum to 1 are needed"
            )
        words += [str(probabilities.size), *map(repr, probabilities.tolist())]
    text = f"MAR\n{' '.join(words)}\n"
    if isinstance(path_or_file, (str, os.PathLike)):
        with open(path_or_file, "w", encoding="ascii") as file:
            file.write(text)
    else:
        path_or_file.write(text)
