"""How much of the untuned model's distance from people each method leaves.

The mean over an evaluation's fidelity figures.

    python -m gsim_recipes.grouped_customer.gap results/evaluation/p4g

A figure's gap is (figure - people) / (prompt_only - people), where people are other people in a
method's place: 1 for the untuned model, 0 for what is as near to people as people are, or nearer. A
figure in which the untuned model is as near as people tells nothing and is left out. How calls end
is decided by the Manager's state, so there is a mean of what is said alone, too. Each figure has
its interval in the evaluation's tables; the means have none.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any

from gsim_env.evaluation.records import HUMAN
from gsim_env.evaluation.run import read_results

OUTCOMES = "outcome_distance"
FIGURES = {"c2st_accuracy": 1, "p_real": -1, "words_distance": 1, "stage_distance": 1, OUTCOMES: 1}
"""Those of fidelity, and whether more is further from people (1) or nearer (-1)."""

UNTUNED = "prompt_only"


def main() -> None:
    """Parse the command line and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("evaluations", type=Path, nargs="+", help="folders with results.json")
    args = parser.parse_args()
    for folder in args.evaluations:
        found = gaps(read_results(folder)["fidelity"])
        names = list(found[UNTUNED])
        print(
            f"| {folder.name} | {' | '.join(names)} | mean | of what is said |\n|{'---|' * (len(names) + 3)}"
        )
        for method, own in found.items():
            said = mean(gap for name, gap in own.items() if name != OUTCOMES)
            print(
                f"| {method} | {' | '.join(f'{gap:.2f}' for gap in (*own.values(), mean(own.values()), said))} |"
            )


def gaps(fidelity: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return the gaps of each method, by figure."""
    people, untuned = fidelity[HUMAN], fidelity[UNTUNED]

    def further(own: Mapping[str, Any], name: str) -> float:
        return FIGURES[name] * (own[name]["value"] - people[name]["value"])

    telling = [name for name in FIGURES if people[name] and further(untuned, name) > 0]
    return {
        method: {name: max(0.0, further(own, name) / further(untuned, name)) for name in telling}
        for method, own in fidelity.items()
        if method != HUMAN
    }


if __name__ == "__main__":
    main()
