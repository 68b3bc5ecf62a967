"""Acceptance rates of the built-in sales policies over 200 seeded customers.

python -m benchmarks.deals > results/deals.json
"""

import json
from collections import Counter
from typing import Any

import gsim_env
from gsim_env.groups import load_group
from tests.helpers.sales_calls import CUSTOMERS, SEED, Calls, call_by

POLICIES = ("scripted", "pitching", "outline")


def summarize(calls: Calls) -> dict[str, Any]:
    """Return the number of deals, the outcomes and the acceptance rate per archetype."""
    return {
        "deals": int(calls.accepted.sum()),
        "outcomes": Counter(calls.outcomes.tolist()),
        "acceptance_by_archetype": {
            name: round(rate, 3) for name, rate in calls.acceptance().items()
        },
    }


def main() -> None:
    """Print the results as JSON."""
    report: dict[str, Any] = {
        "command": "python -m benchmarks.deals",
        "gsim_env": gsim_env.__version__,
        "group_sha256": load_group("food_delivery").digest,
        "customers": CUSTOMERS,
        "seed": SEED,
    }
    for policy in POLICIES:
        report[policy] = summarize(call_by(policy))
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
