"""A doctor's network: what a patient's findings say about her liver.

HEPAR II (Onisko 2003) is a Bayesian network of 70 variables: diseases, what brings them on, symptoms and laboratory results.
Given the findings of one patient, the chance of each disease is worked out exactly (by elimination of variables), estimated
by Gibbs sampling with error bars, and shown beside its chance before anything was known. Then each finding is left out in
turn: which of them speak for the leading diagnosis, and which against?

`python examples/liver.py --output liver.png` draws the chances.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import stochinf as si

NETWORK = Path(__file__).parent / "data" / "hepar2.bif.gz"
DISEASES = {
    "PBC": "primary biliary cirrhosis", "Steatosis": "steatosis (fatty liver)", "Cirrhosis": "cirrhosis",
    "ChHepatitis": "chronic hepatitis", "THepatitis": "toxic hepatitis", "RHepatitis": "reactive hepatitis",
    "Hyperbilirubinemia": "hyperbilirubinemia", "carcinoma": "carcinoma", "gallstones": "gallstones",
}  # fmt: skip
PATIENT = {
    "sex": "female", "age": "age51_65", "alcoholism": "absent", "diabetes": "present", "obesity": "present", "fat": "present",
    "pain_ruq": "present", "ama": "absent", "edema": "absent", "ascites": "absent", "cholesterol": "a349_240", "hbsag": "absent",
    "spiders": "absent", "irregular_liver": "absent", "hcv_anti": "absent", "palms": "absent",
}  # fmt: skip


def ill(result: Any, disease: str) -> float:
    """Return the probability that a disease is there, in whatever form."""
    return 1.0 - float(result[disease][result.states[disease].index("absent")])


def weights_of_findings(network: Any, disease: str) -> dict[str, float]:
    """Return by how much each finding of the patient raises the probability of a disease, given all the others."""
    whole = ill(si.marginals(network, PATIENT, method="exact"), disease)
    without = {name: {other: state for other, state in PATIENT.items() if other != name} for name in PATIENT}
    return {name: whole - ill(si.marginals(network, rest, method="exact"), disease) for name, rest in without.items()}


def draw(rows: list[tuple[str, float, float, float, float]], output: Path) -> None:
    """Draw the chances before, after, and sampled."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names, before, after, sampled, error = zip(*reversed(rows), strict=True)
    place = np.arange(len(names))
    figure, axes = plt.subplots(figsize=(8.0, 5.0), layout="constrained")
    axes.barh(place + 0.2, before, height=0.38, color="lightgrey", label="before the examination")
    axes.barh(place - 0.2, after, height=0.38, color="tab:blue", label="given the findings, exact")
    axes.errorbar(
        sampled,
        place - 0.2,
        xerr=2.0 * np.array(error),
        fmt="o",
        markersize=3,
        capsize=3,
        color="black",
        label="sampled, two errors",
    )
    axes.set_yticks(place, names)
    axes.set(xlabel="probability", xlim=(0.0, 1.0))
    axes.legend(loc="lower right", frameon=False)
    figure.savefig(output, dpi=130)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the chances and draw them where a picture is asked for; return the exit code."""
    line = argparse.ArgumentParser(prog="liver.py", description="Diseases of the liver given findings")
    line.add_argument("--draws", type=int, default=500, help="sweeps of each of 64 chains (500)")
    line.add_argument("--seed", type=int, default=0, help="the same seed gives the same bits (0)")
    line.add_argument("--output", type=Path, metavar="PICTURE", help="such as liver.png; needs matplotlib")
    options = line.parse_args(arguments)
    try:
        network = si.read_graph(NETWORK)
        before = si.marginals(network, method="exact")
        after = si.marginals(network, PATIENT, method="exact")
        sampled = si.marginals(network, PATIENT, method="gibbs", draws=options.draws, rng=options.seed, progress=False)
    except si.StochinfError as error:
        print(f"liver.py: {error}", file=sys.stderr)
        return 2

    rows = [
        (title, ill(before, name), ill(after, name), ill(sampled, name), float(sampled.mcse[name].max()))
        for name, title in DISEASES.items()
    ]
    rows.sort(key=lambda row: -row[2])
    print(f"{network}; {len(PATIENT)} findings, of probability {np.exp(after.log_partition):.3g}; {after.reason}\n")
    print(f"{'':<28}{'before':>8}{'after':>9}   sampled")
    for title, prior, posterior, estimate, error in rows:
        print(f"{title:<28}{prior:>8.4f}{posterior:>9.4f}   {estimate:.4f} +- {error:.4f}")
    leading = next(name for name, title in DISEASES.items() if title == rows[0][0])
    print(f"\nWhat speaks for {rows[0][0]} (change of its probability, given the other findings):")
    for name, change in sorted(weights_of_findings(network, leading).items(), key=lambda item: -item[1]):
        if abs(change) > 0.01:
            print(f"  {name + ' ' + PATIENT[name]:<24}{change:+.3f}")
    if options.output is not None:
        draw(rows, options.output)
        print(f"\n{options.output}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
