"""``gsim chat``: you are the salesperson."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated

import typer
from rich.panel import Panel
from rich.text import Text

from gsim_env.cli.options import CustomerOption, GroupOption, model_spec
from gsim_env.cli.terminal import out
from gsim_env.cli.view import call_header, exchange_view, outcome_text
from gsim_env.envs import TelemarketingEnv
from gsim_env.envs.playing import Exchange

__all__ = ["chat"]

PROMPT = "     you "
QUIT = "/quit"


def chat(
    group: GroupOption = "food_delivery",
    customer: CustomerOption = "embedded",
    archetype: Annotated[
        str | None, typer.Option("--archetype", help="Kind of customer to call; any, unless given.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Makes the call repeatable.")
    ] = None,
    reveal: Annotated[
        bool,
        typer.Option("--reveal", help="Show the customer's hidden profile, state and guidance."),
    ] = False,
) -> None:
    """Call a customer yourself.

    One line is one utterance, an empty line is silence, /quit or Ctrl-D hangs up.

    Lines may be piped in: gsim chat < lines.txt
    """
    env = TelemarketingEnv(group=group, customer=model_spec(customer), reveal=reveal)
    brief, info = env.reset(
        seed=seed, options={} if archetype is None else {"archetype": archetype}
    )
    out.print(
        Panel(Text(unwrapped(brief)), title="Your call", title_align="left", border_style="dim")
    )
    if reveal:
        out.print(call_header(info["profile"], "hidden"))
    outcome = None
    turns = 0
    for line in spoken_lines():
        words, _, _, _, info = env.step(line)
        exchange = Exchange.from_step(line, words, info)
        outcome, turns = exchange.outcome, turns + 1
        out.print(exchange_view(exchange, sales=False))
        if outcome is not None:
            break
    if outcome is None:
        out.print()
    ended = (
        outcome_text(outcome) if outcome is not None else Text("you hung up", style="bold magenta")
    )
    out.print(Text.assemble(ended, (f" after {turns} exchange{'' if turns == 1 else 's'}", "dim")))


def unwrapped(text: str) -> str:
    """Return ``text`` with each paragraph on one line, for the terminal to wrap."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def spoken_lines() -> Iterator[str]:
    """Yield what the user says, line by line, until ``/quit`` or the end of the input."""
    typed = sys.stdin.isatty()
    if typed:
        with suppress(ImportError):  # line editing, where the platform has it
            import readline  # noqa: F401 - importing it is what it takes
    while True:
        try:
            line = input(PROMPT) if typed else sys.stdin.readline()
        except EOFError:
            return
        if not typed and line:
            out.print(Text.assemble((PROMPT, "cyan"), line.rstrip("\n")))
        if (not typed and not line) or line.strip() == QUIT:
            return
        yield line.rstrip("\n")
