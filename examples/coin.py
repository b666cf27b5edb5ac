"""Is this coin fair? The exact posterior of a coin's bias beside a sampled one.

`python examples/coin.py` judges 62 heads and 38 tails; give a series of flips to judge that one:
`python examples/coin.py HHTHTTTHHH --margin 0.1 --arviz`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

import stochinf as si

SERIES = "H" * 62 + "T" * 38
INTERVAL = (0.03, 0.97)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what a series of flips says about the coin; return the exit code."""
    options = parser().parse_args(arguments)
    try:
        heads, tails = counted("".join(options.flips) or SERIES)
        coin = si.models.CoinBias(heads, tails, prior=tuple(options.prior))
        biased = coin.probability_biased(options.margin)
        draws = si.sample(coin, draws=options.draws, warmup=500, chains=4, rng=options.seed)
    except si.StochinfError as error:
        print(f"coin.py: {error}", file=sys.stderr)
        return 2
    report(coin, draws, options.margin, biased)
    if options.arviz:
        import arviz

        print(f"\narviz {arviz.__version__}:\n{arviz.summary(draws.to_arviz()).to_string()}")
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    line = argparse.ArgumentParser(prog="coin.py", description="Is this coin fair?")
    line.add_argument("flips", nargs="*", help="H for heads, T for tails, for example HHTHTTTHHH; 62 H and 38 T without it")
    line.add_argument("--margin", type=float, default=0.05, help="how far from 1/2 counts as biased (0.05)")
    line.add_argument("--prior", type=float, nargs=2, default=(1.0, 1.0), metavar=("A", "B"), help="Beta prior (1 1)")
    line.add_argument("--draws", type=int, default=2500, help="draws of each of four chains (2500)")
    line.add_argument("--seed", type=int, default=0, help="the same seed gives the same bits (0)")
    line.add_argument("--arviz", action="store_true", help="print the summary of arviz too")
    return line


def counted(flips: str) -> tuple[int, int]:
    """Return the numbers of heads and tails.

    Raises
    ------
    StochinfError
        If a character is neither H nor T.
    """
    series = flips.upper()
    wrong = next((k for k, flip in enumerate(series) if flip not in "HT"), None)
    if wrong is not None:
        raise si.StochinfError(f"flip {wrong + 1} is {flips[wrong]!r}; a flip is H (heads) or T (tails)")
    return series.count("H"), series.count("T")


def report(coin: Any, draws: Any, margin: float, biased: float) -> None:
    """Print exact beside sampled."""
    theta = draws["theta"].ravel()
    exact = coin.posterior
    low, high = exact.ppf(INTERVAL)
    lowest, highest = np.quantile(theta, INTERVAL)
    print(f"{coin.heads:g} heads, {coin.tails:g} tails, prior Beta({coin.prior[0]:g}, {coin.prior[1]:g})\n")
    print(f"{'chance of heads':<26}{'exact':>16}{'sampled':>16}")
    for name, known, found in (
        ("mean", f"{exact.mean():.4f}", f"{theta.mean():.4f}"),
        ("sd", f"{exact.std():.4f}", f"{theta.std():.4f}"),
        ("94% interval", f"{low:.3f} to {high:.3f}", f"{lowest:.3f} to {highest:.3f}"),
        (f"P(|theta - 1/2| > {margin:g})", f"{biased:.4f}", f"{np.mean(np.abs(theta - 0.5) > margin):.4f}"),
    ):
        print(f"{name:<26}{known:>16}{found:>16}")
    factor = coin.bayes_factor()
    verdict = "bias" if factor > 1 else "fairness"
    print(f"\nBayes factor, biased against fair: {factor:.3g} (speaks for {verdict})")
    print(f"\n{draws.summary()}")


if __name__ == "__main__":
    sys.exit(main())
