"""A small knowledge base: rules over a networkx graph, their weights learnt from half of the facts, the other half predicted.

Friends tend to have the same habits, and who smokes tends to cough. Some facts are known, the rest are asked for.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import networkx as nx
import numpy as np

import stochinf as si
from stochinf.graphs import Logic

PEOPLE, KNOWN = 250, 0.5
TRUTH = {"friends agree": 0.35, "smoke causes cough": 1.2, "smokers": 0.25, "coughers": -0.4}


def rules(friends: nx.Graph) -> si.graphs.LogicalGraph:
    """Return the rules over all people, their weights unknown."""
    facts = [(what, person) for person in friends for what in ("smokes", "coughs")]
    logic = Logic(facts, weights=dict.fromkeys(TRUTH, 0.0))
    for a, b in friends.edges:
        logic.add("equal", ("smokes", a), ("smokes", b), weight="friends agree")
    for person in friends:
        logic.add("imply", ("smokes", person), ("coughs", person), weight="smoke causes cough")
        logic.add("istrue", ("smokes", person), weight="smokers")
        logic.add("istrue", ("coughs", person), weight="coughers")
    return logic.graph()


def main(arguments: Sequence[str] | None = None) -> int:
    """Plant weights, draw facts, learn from those that are known, predict the others; return the exit code."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--plot", action="store_true", help="show how reliable the predictions are")
    options = words.parse_args(arguments)
    friends = nx.watts_strogatz_graph(PEOPLE, 4, 0.2, seed=1)
    graph = rules(friends)
    world = si.run(si.graphs.Gibbs(), graph.with_values(TRUTH), 400 * len(graph.variables), 400 * len(graph.variables), rng=2)
    facts = dict(zip(graph.variables, world["state"][0, -1].astype(bool).tolist(), strict=True))
    chosen = np.random.default_rng(3).random(len(facts)) < KNOWN
    known = {fact: value for (fact, value), kept in zip(facts.items(), chosen, strict=True) if kept}

    learnt = si.learn_weights(graph, evidence=known, rng=4)
    print(f"{len(known)} facts known, {len(facts) - len(known)} asked for; {learnt.reason}")
    for name, value in TRUTH.items():
        print(f"{name:20} planted {value:5.2f}   learnt {learnt.weights[name]:5.2f} +- {learnt.se[name]:.2f}")

    found = si.marginals(learnt.graph, known, rng=5)
    asked = [fact for fact in facts if fact not in known]
    chances = np.array([found[fact][1] for fact in asked])
    held_out = np.array([facts[fact] for fact in asked])
    judged = si.diagnostics.reliability(chances, held_out, bins=5)
    for p, share, low, high, count in zip(
        judged.predicted, judged.frequency, judged.lower, judged.upper, judged.counts, strict=True
    ):
        print(f"predicted {p:.2f}: true in {share:.2f} of {count} cases (95 %: {low:.2f} to {high:.2f})")
    print(judged)
    if options.plot:
        import matplotlib.pyplot as plt

        judged.plot()
        plt.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
