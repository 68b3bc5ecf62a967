"""Gap to human calls: the share of the untuned model's distance that remains for each method.

    python -m gsim_recipes.grouped_customer.gap results/evaluation/p4g

The gap of a metric is (method - floor) / (prompt_only - floor), where the floor is human-to-human:
1 for the untuned model, 0 for a method at the floor or closer. A metric in which the untuned model
is at the floor is left out. The simulated state decides how calls end, so the last column is the
mean without the outcomes. Intervals of the metrics are in the evaluation's tables; the means have
none.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from statistics import mean

from gsim_env.evaluation.metrics.fidelity import FidelityDistances
from gsim_env.evaluation.output import read_evaluation_results
from gsim_env.evaluation.records import HUMAN
from gsim_env.evaluation.schema import field_as_interval

OUTCOMES = "outcome_distance"

DIRECTIONS = {
    "c2st_accuracy": 1,
    "p_real": -1,
    "words_distance": 1,
    "stage_distance": 1,
    OUTCOMES: 1,
}
"""Fidelity metrics: 1 if higher values are further from human calls, -1 if lower ones are."""

UNTUNED = "prompt_only"


def main() -> None:
    """Print a Markdown table of each method's gap to human calls, for several evaluations."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("evaluations", type=Path, nargs="+", help="folders with results.json")
    args = parser.parse_args()

    for folder in args.evaluations:
        by_method = gaps_to_human_floor(read_evaluation_results(folder).fidelity)
        names = list(by_method[UNTUNED])
        print(f"| {folder.name} | {' | '.join(names)} | mean | mean without outcomes |")
        print(f"|{'---|' * (len(names) + 3)}")
        for method, gap in by_method.items():
            utterances = mean(value for name, value in gap.items() if name != OUTCOMES)
            cells = [*gap.values(), mean(gap.values()), utterances]
            print(f"| {method} | {' | '.join(f'{cell:.2f}' for cell in cells)} |")


def gaps_to_human_floor(fidelity: Mapping[str, FidelityDistances]) -> dict[str, dict[str, float]]:
    """Return each method's gap to the human-to-human floor, relative to the untuned model's.

    The keys are the method and the metric; 1 is the untuned model, 0 the floor.

    Metrics that were not measured, or in which the untuned model is at the floor, are left out.
    """
    floor = fidelity[HUMAN]

    def excess(method: FidelityDistances, name: str) -> float:
        distance = field_as_interval(method, name).value - field_as_interval(floor, name).value
        return DIRECTIONS[name] * distance

    # NaN, for a metric that was not measured, is not above zero.
    names = [name for name in DIRECTIONS if excess(fidelity[UNTUNED], name) > 0]

    by_method = {}
    for method, distances in fidelity.items():
        if method != HUMAN:
            by_method[method] = {
                name: max(0.0, excess(distances, name) / excess(fidelity[UNTUNED], name))
                for name in names
            }
    return by_method


if __name__ == "__main__":
    main()
