"""``gsim demo``: a scripted salesperson calls one customer of each archetype."""

from dataclasses import asdict

from gsim_env.cli.calls import PlayedCall, play
from gsim_env.cli.options import CustomerOption, GroupOption, JsonOption, SeedOption, model_spec
from gsim_env.cli.terminal import out, print_json
from gsim_env.cli.view import call_header, exchange_view, figures_table
from gsim_env.envs import TelemarketingEnv
from gsim_env.models.registry import parse_model
from gsim_env.simulation.sales import ListeningSalesperson, SalesScript, concern_ear

__all__ = ["demo"]


def demo(
    group: GroupOption = "food_delivery",
    customer: CustomerOption = "embedded",
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Watch a scripted salesperson call one customer of each archetype.

    Beside the words stands what the simulator has in mind: stage, mood, concern, and what like customers said.
    """
    spec = model_spec(customer)
    env = TelemarketingEnv(group=group, customer=spec, reveal=True)
    cohort = env.simulator.group
    script = SalesScript.load(cohort)
    encoder = env.simulator.services.encoder
    ear = concern_ear(cohort, encoder)
    # One exchange first: whatever is to be loaded is loaded now, not amid a transcript nor in the seconds of a call.
    env.reset(seed=seed)
    env.step(script.opening[0])
    calls = []
    archetypes = list(cohort.config.archetypes)
    for number, archetype in enumerate(archetypes, start=1):
        _, info = env.reset(seed=seed, options={"archetype": archetype})
        call = PlayedCall(info["profile"])
        calls.append(call)
        if not as_json:
            out.print(call_header(call.profile, f"{number}/{len(archetypes)}"))
        for exchange in play(env, call, ListeningSalesperson(script, ear, encoder)):
            if not as_json:
                out.print(exchange_view(exchange))
    table = [call.figures(cohort) for call in calls]
    if not as_json:
        out.print(figures_table(table))
        return
    print_json(
        {
            "group": cohort.config.name,
            "group_digest": cohort.digest,
            "customer": parse_model(spec)[0],  # its settings may hold a key
            "seed": seed,
            "calls": [
                {"profile": call.profile, "outcome": call.outcome, "turns": [asdict(turn) for turn in call.turns]}
                for call in calls
            ],
            "table": table,
        }
    )
