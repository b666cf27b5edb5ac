"""Words for error messages: nodes, factors and near names."""

import difflib
from collections.abc import Hashable, Iterable, Sequence
from itertools import islice

__all__ = ["did_you_mean", "factor_title", "listing", "quote"]

_LONGEST = 60
_MOST_COMPARED = 10_000


def quote(value: object) -> str:
    """Return ``repr(value)``, shortened in the middle where it is long.

    >>> quote("A" * 100)
    "'AAAAAAAAAAAAAAAAAAAAAAAAAAA...AAAAAAAAAAAAAAAAAAAAAAAAAAAA'"
    """
    try:
        text = repr(value)
    except ValueError:
        return "an integer of very many digits"
    if len(text) <= _LONGEST:
        return text
    half = (_LONGEST - 3) // 2
    return f"{text[:half]}...{text[-half - 1 :]}"


def listing(values: Sequence[object], most: int = 6) -> str:
    """Return the values separated by commas, at most ``most`` of them.

    >>> listing(range(100), most=3)
    '0, 1, 2, ... (100 in all)'
    """
    shown = ", ".join(quote(value) for value in values[:most])
    return shown if len(values) <= most else f"{shown}, ... ({len(values)} in all)"


def factor_title(factor: int, scope: Sequence[Hashable]) -> str:
    """Return how messages name a factor.

    >>> factor_title(3, ["A", "B"])
    'factor 3 over (A, B)'
    """
    shown = [
        str(node) if isinstance(node, str) and node.isidentifier() and len(node) < _LONGEST else quote(node) for node in scope[:6]
    ]
    rest = ", ..." if len(scope) > len(shown) else ""
    return f"factor {factor} over ({', '.join(shown)}{rest})"


def did_you_mean(value: object, known: Iterable[Hashable]) -> str:
    """Return ``"; did you mean X?"`` for the known value that reads most like ``value``, else nothing.

    >>> did_you_mean("Rian", ["Rain", "Sprinkler"])
    "; did you mean 'Rain'?"
    >>> did_you_mean("3", range(5))
    '; did you mean 3?'
    """
    spelled = {str(candidate).lower(): candidate for candidate in islice(known, _MOST_COMPARED)}
    near = difflib.get_close_matches(str(value).lower()[:200], list(spelled), n=1)
    return f"; did you mean {quote(spelled[near[0]])}?" if near else ""
