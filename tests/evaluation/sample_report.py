"""A sample evaluation for tests of the report: results with every section, and calls."""

from gsim_env.dialogue import Outcome
from gsim_env.evaluation.records import HUMAN, EvaluatedCall, EvaluatedTurn
from gsim_env.profiles import CustomerProfile

METHODS = ["prompt_only", "userlm", "usp", "grouped"]
KINDS = [
    "price_sensitive",
    "resistance_heavy",
    "status_quo",
    "rational_skeptical",
    "competition_anxious",
]
SELLERS = ["pitching", "listening"]
STAGES = [
    "greeting",
    "busy",
    "listening",
    "question",
    "objection",
    "negotiation",
    "interest",
    "acceptance",
    "hang_up",
]
PARTS = [
    ["category_alignment", "profile_adherence", "profile_consistency"],
    ["brevity", "naturalness", "context_immersion", "business_realism"],
    ["intent_responsiveness", "logic_consistency", "interaction_logic"],
    ["overall"],
]
SCRIPT = "</script><script>window.hacked=1</script>"
IMAGE = "<img src=x onerror='window.hacked=1'> & \u2028 ${1} {{ 7 * 7 }}"
EXCHANGES = [
    ("Hi, is that the owner? It's Li from QuickEats.", "Yeah. Be quick, I've pans on."),
    ("How do most of your orders come in?", "By phone. Why?"),
    (
        "Fifteen percent on delivered orders, nothing on pick-up.",
        "Fifteen? That's what I make on a curry.",
    ),
    (
        "Twelve for the first three months, and you set your own prices.",
        "Hm. And who pays for the tablet?",
    ),
    ("Lent free. Shall we try it for a month?", "Go on then. Tuesday, after three."),
]


def interval(value, spread=0.06, n=40):
    low, high = (
        (None, None) if value is None else (round(value - spread, 4), round(value + spread, 4))
    )
    return {"value": value, "low": low, "high": high, "n": n}


def figures_of(place):
    return {
        "tlv": interval(20 + 12 * place, 4),
        "irs": interval(0.35 + 0.15 * place),
        "snr": interval(0.3 + 0.17 * place),
        "snr_pooled": 0.5 + 0.1 * place,
        "distinct_1": 0.11 + 0.02 * place,
        "distinct_2": 0.4 + 0.05 * place,
        "role_inversion": interval(0.2 - 0.05 * place, 0.02),
        "leaked": interval(0.0, 0),
        "repetition": interval(0.1),
        "premature_hang_up": interval(0.12 - 0.02 * place),
        "late_hang_up": interval(None, n=0),
        "words_per_turn": interval(28.0 - 4.6 * place, 1.5),
        "short_turns": interval(0.1 + 0.05 * place),
        "long_turns": interval(0.09 - 0.02 * place, 0.01),
        "turns": interval(7.5 + 0.3 * place, 0.8),
    }


def windows_of(place):
    return [
        {"turn": turn, **interval(0.45 + 0.1 * place - 0.03 * turn * (4 - place) / 2)}
        for turn in range(2, 10)
    ]


def nearness(place):
    return {
        "words_distance": interval(9.0 - 2 * place, 0.8),
        "c2st_accuracy": interval(0.95 - 0.09 * place, 0.03),
        "p_real": interval(0.2 + 0.15 * place),
        "stage_distance": interval(0.4 - 0.08 * place, 0.03),
        "outcome_distance": interval(0.5 - 0.1 * place),
    }


def transitions_of(place):
    rows = {
        "start": {"greeting": 0.7, "busy": 0.3},
        "acceptance": {"end": 1.0},
        "hang_up": {"end": 1.0},
    }
    for number, stage in enumerate(STAGES[:-2]):
        after = STAGES[number + 1]
        rows[stage] = {
            after: 0.5,
            "hang_up": 0.2 - 0.03 * place,
            stage: 0.15,
            "objection": 0.12,
            "end": 0.03 + 0.03 * place,
        }
        if stage == "objection":
            rows[stage] = {after: 0.4, "objection": 0.3, "hang_up": 0.3}
    return rows


def scores_of(place):
    names = [name for part in PARTS for name in part]
    rated = {
        kind: {
            name: interval(round(3 + 1.4 * place + 0.05 * n, 2), 0.3)
            for n, name in enumerate(names)
        }
        for kind in [*KINDS, "all"]
    }
    if place == 1:  # one kind of customer could not be rated
        rated["status_quo"] = {name: interval(None, n=0) for name in names}
    return rated


def make_document():
    """Return the content of a results.json with every section."""
    of = dict(enumerate(METHODS))
    everyone = dict(enumerate([*METHODS, HUMAN]))
    objective = {"tlv_share": [0.1, 0.22, 0.28, 0.4], "objective": [0.25, 0.4, 0.53, 0.7]}
    diversity = {name: figures_of(place) for place, name in everyone.items()}
    for place, name in of.items():
        diversity[name] |= {key: values[place] for key, values in objective.items()}
    ends = [
        [0.5, 0.2, 0.1, 0.1, 0.1],
        [0.4, 0.3, 0.2, 0.0, 0.1],
        [0.3, 0.4, 0.25, 0.0, 0.05],
        [0.28, 0.4, 0.3, 0.0, 0.02],
    ]
    return {
        "manifest": {
            "group": "food_delivery",
            "group_digest": "5d1f" * 16,
            "people_digest": "ab12" * 16,
            "judge_prompts_digest": "c0de" * 16,
            "plan": {"encoder": "minilm"},
            "discriminator": None,
            "seed": 7,
            "salespeople": SELLERS,
            "calls": 8,
            "command": "gsim evaluate --group food_delivery --seed 7",
            "versions": {"gsim-env": "0.1.0", "numpy": "2.3"},
            "methods": {name: {"model": "scripted", "temperature": 0.5} for name in METHODS},
            "human": {"source": "held_out.jsonl", "calls": 40, "digest": "ab12" * 16},
            "seconds": 81.5,
            "missing_calls": {"usp": 2, "grouped": 0},
        },
        "methods": METHODS,
        "archetypes": KINDS,
        "diversity": diversity,
        "irs_windows": {name: windows_of(place) for place, name in everyone.items()},
        "fidelity": {name: nearness(place) for place, name in everyone.items()},
        "by_archetype": {
            name: {
                kind: {
                    "words_per_turn": interval(25.0 - 4 * place + n, 2),
                    "irs": interval(None if (place, n) == (0, 1) else 0.4 + 0.1 * place),
                    "snr": interval(0.3 + 0.12 * place + 0.02 * n),
                    "accepted": interval(0.5 - 0.08 * place, 0.1),
                }
                for n, kind in enumerate(KINDS)
            }
            for place, name in everyone.items()
        },
        "lengths": {
            name: [1 + (7 * i) % (40 - 7 * place) for i in range(200)]
            for place, name in everyone.items()
        },
        "outcomes": {
            name: dict(zip([str(one) for one in Outcome], ends[min(place, 3)], strict=True))
            for place, name in everyone.items()
        },
        "transitions": {name: transitions_of(place) for place, name in everyone.items()},
        "agents": {
            "acceptance": {
                name: {
                    seller: interval(0.2 + 0.05 * place + 0.1 * n)
                    for n, seller in enumerate(SELLERS)
                }
                for place, name in of.items()
            },
            "rank_correlation": [
                {"a": "grouped", "b": "usp", "spearman": 0.9, "p": 0.0004, "kendall": 0.8, "n": 5}
            ],
        },
        "judge": {
            "name": "scripted",
            "scripted": True,
            "votes": 3,
            "asked": 1200,
            "prompt_tokens": 812345,
            "completion_tokens": 20417,
            "cost": None,
            "missing": {"userlm": {"business_realism": 3}},
            "scores": {name: scores_of(place) for place, name in of.items()},
            "checks": {
                "order": {
                    "dimensions": {"brevity": {"shift": 0.04, "difference": 0.5, "n": 20}},
                    "missing": 0,
                    "prompt_tokens": 10,
                    "completion_tokens": 1,
                },
                "length": {"business_realism": {"all": {"spearman": -0.1, "p": 0.3, "n": 20}}},
            },
        },
        "robustness": {
            "judge": "scripted",
            "scripted": True,
            "missing": 1,
            "undrawn": 0,
            "pass_rate": {kind: interval(0.8 + 0.02 * n) for n, kind in enumerate([*KINDS, "all"])},
        },
        "agreement": {
            "dimensions": {
                name: {
                    "pearson": 0.79,
                    "pearson_p": 1e-9,
                    "spearman": 0.77,
                    "spearman_p": 0.04,
                    "n": 200,
                }
                for name in ["profile_consistency", "business_realism", "interaction_logic"]
            },
            "raters": {
                "business_realism": {"icc": 0.71, "mean_pairwise_spearman": None, "raters": 10}
            },
        },
    }


def make_profile(number):
    kind = KINDS[number % len(KINDS)]
    return CustomerProfile(
        archetype=kind,
        name=f"Customer {number}",
        listing="Wrona, Polish bakery, 61 Beeston Road",
        description="owner and night baker of a Polish bakery",
        facts=("rye loaf sells at 3.40", "baking since two"),
        traits=("suspicious of bills", "tired"),
        pain_points=("the mill keeps billing sacks that never came",),
        concerns=("commission", "hidden_costs"),
        style="numbers first, no small talk",
        situation="waits for a call back",
    )


def make_turn(method, number, sales, customer):
    if method == HUMAN:
        return EvaluatedTurn(sales=sales, customer=customer, stage=STAGES[number])
    state = {
        "interest": 0.2 + 0.15 * number,
        "trust": 0.5,
        "patience": 0.9 - 0.1 * number,
        "settled": [],
    }
    references = ["Fifteen percent? That's my whole profit.", "What do you take off each order?"]
    guidance = {
        "stage": STAGES[number],
        "stance": "suspicious",
        "concern": "hidden_costs",
        "references": references,
    }
    return EvaluatedTurn(
        sales=sales, customer=customer, stage=STAGES[number], state=state, guidance=guidance
    )


def make_calls(each=15):
    """Return calls of every method and of people.

    One failed, and one customer says what a page must not run.
    """
    calls = []
    for method in [*METHODS, HUMAN]:
        for seller in [""] if method == HUMAN else SELLERS:
            for number in range(each):
                turns = [
                    make_turn(method, n, *words)
                    for n, words in enumerate(EXCHANGES[: 2 + number % 4])
                ]
                call = EvaluatedCall(
                    method=method,
                    salesperson=seller,
                    number=number,
                    profile=make_profile(number),
                    turns=tuple(turns),
                    outcome=list(Outcome)[number % 4],
                )
                calls.append(call)
    calls[0] = calls[0].model_copy(
        update={"turns": (make_turn("usp", 0, IMAGE, SCRIPT), *calls[0].turns)}
    )
    failed = {"turns": (), "outcome": None, "error": "SimulatorError: no answer after 3 tries"}
    calls[1] = calls[1].model_copy(update=failed)
    return calls
