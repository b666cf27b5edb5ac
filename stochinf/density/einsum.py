"""`numpy.einsum` on traced values: products of pairs, axes summed as soon as nothing needs them."""

from __future__ import annotations

from typing import Any

from stochinf.density.array_functions import real, reshape, transpose
from stochinf.density.linear import diagonal, matmul
from stochinf.density.reductions import reduced
from stochinf.density.traced import FUNCTIONS, Traced, TraceError, joint, traced

__all__ = ["einsum"]

Term = tuple[str, Traced]


def einsum(subscripts: str, *operands: Any, **options: Any) -> Any:
    """Return sums of products as subscripts say, term after term."""
    builder = joint(*operands)
    names, arrow, wanted = subscripts.replace(" ", "").partition("->")
    parts = names.split(",")
    if not arrow:
        letters = "".join(parts)
        wanted = "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
    values = [real(traced(builder, operand)) for operand in operands]
    if len(parts) != len(values) or any(len(part) != value.ndim for part, value in zip(parts, values, strict=False)):
        raise TraceError(f"np.einsum({subscripts!r}) of shapes {[v.shape for v in values]}", "a letter for each axis is needed")
    terms = [plain(part, value) for part, value in zip(parts, values, strict=True)]
    while len(terms) > 1:
        first, second = terms[:2]
        later = wanted + "".join(names for names, _ in terms[2:])
        terms = [multiplied(summed(first, second[0] + later), summed(second, first[0] + later), later), *terms[2:]]
    names, value = summed(terms[0], wanted)
    if sorted(names) != sorted(wanted):
        raise TraceError(f"np.einsum({subscripts!r})", "each letter of the result must be one of an operand's")
    return value if names == wanted else transpose(value, [names.index(name) for name in wanted])


def plain(names: str, value: Traced) -> Term:
    """Return an operand without a letter twice."""
    if len(set(names)) == len(names):
        return names, value
    if len(names) > 2:
        raise TraceError(f"np.einsum: the axes {names}", "a letter twice is for matrices")
    return names[0], diagonal(value)


def summed(term: Term, needed: str) -> Term:
    """Return a term summed over the axes whose letters nothing needs."""
    names, value = term
    for name in names:
        if name not in needed:
            value = reduced("sum", value, names.index(name))
            names = names.replace(name, "")
    return names, value


def multiplied(first: Term, second: Term, needed: str) -> Term:
    """Return the product of two terms, summed over letters that are in both and not needed later."""
    (a, x), (b, y) = first, second
    inner = [name for name in a if name in b and name not in needed]
    if len(inner) == 1 and max(len(a), len(b)) < 3 and (len(set(a + b)) == 3 or len(a) == 1 or len(b) == 1):
        k = inner[0]
        left = x if len(a) == 1 or a[1] == k else transpose(x)
        right = y if b[0] == k else transpose(y)
        return (a + b).replace(k, ""), matmul(left, right)
    names = a if len(a) >= len(b) else b
    names += "".join(name for name in a + b if name not in names)
    return summed((names, placed(first, names) * placed(second, names)), needed)


def placed(term: Term, names: str) -> Traced:
    """Return a term with its axes where the letters say, axes of one element for the others."""
    own, value = term
    sizes = dict(zip(own, value.shape, strict=True))
    value = transpose(value, sorted(range(len(own)), key=lambda axis: names.index(own[axis])))
    return reshape(value, [sizes.get(name, 1) for name in names])


FUNCTIONS["einsum"] = einsum
