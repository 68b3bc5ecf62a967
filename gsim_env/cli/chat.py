"""``gsim chat``: the user calls a simulated customer."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated

import typer
from rich.panel import Panel
from rich.text import Text

from gsim_env.cli.options import CustomerOption, GroupOption, parse_model_option
from gsim_env.cli.terminal import out
from gsim_env.cli.view import render_call_header, render_exchange, render_outcome
from gsim_env.dialogue import Outcome
from gsim_env.envs import TelemarketingEnv
from gsim_env.envs.playing import Exchange

__all__ = ["chat_with_customer"]

PROMPT = "     you "
QUIT = "/quit"


def chat_with_customer(
    group: GroupOption = "food_delivery",
    customer: CustomerOption = "embedded",
    archetype: Annotated[
        str | None,
        typer.Option("--archetype", help="Archetype of the customer; random by default."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", min=0, help="Seed of the call: equal seeds give equal calls."),
    ] = None,
    reveal: Annotated[
        bool,
        typer.Option(
            "--reveal", help="Show the hidden profile, state and guidance of the customer."
        ),
    ] = False,
) -> None:
    """Call a simulated customer yourself, as the salesperson.

    Each line is one utterance, an empty line is silence, /quit or Ctrl-D hangs up.

    Input can be piped: gsim chat < lines.txt
    """
    env = TelemarketingEnv(group=group, customer=parse_model_option(customer), reveal=reveal)
    options = {} if archetype is None else {"archetype": archetype}
    brief, info = env.reset(seed=seed, options=options)
    out.print(
        Panel(
            Text(_join_wrapped_lines(brief)),
            title="Your call",
            title_align="left",
            border_style="dim",
        )
    )
    if reveal:
        out.print(render_call_header(info["profile"], "hidden"))

    outcome, turns = _converse(env)
    if outcome is None:
        out.print()
        ending = Text("you hung up", style="bold magenta")
    else:
        ending = render_outcome(outcome)
    count = f" after {turns} exchange{'' if turns == 1 else 's'}"
    out.print(Text.assemble(ending, (count, "dim")))


def _converse(env: TelemarketingEnv) -> tuple[Outcome | None, int]:
    """Play the call with the user's lines.

    Returns:
        The outcome, ``None`` if the user hung up, and the number of exchanges.
    """
    turns = 0
    for line in _read_user_lines():
        words, _, _, _, info = env.step(line)
        turns += 1
        exchange = Exchange.from_step(line, words, info)
        out.print(render_exchange(exchange, sales=False))
        if exchange.outcome is not None:
            return exchange.outcome, turns
    return None, turns


def _join_wrapped_lines(text: str) -> str:
    """Return ``text`` with each paragraph on one line, so that the terminal wraps it."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _read_user_lines() -> Iterator[str]:
    """Yield the user's lines until ``/quit`` or the end of the input."""
    is_terminal = sys.stdin.isatty()
    if is_terminal:
        with suppress(ImportError):  # line editing, if available
            import readline  # noqa: F401 - the import enables it

    while True:
        try:
            line = input(PROMPT) if is_terminal else sys.stdin.readline()
        except EOFError:
            return

        if not is_terminal:
            if not line:
                return
            out.print(Text.assemble((PROMPT, "cyan"), line.rstrip("\n")))
        if line.strip() == QUIT:
            return
        yield line.rstrip("\n")
