"""Algorithm 1 as a sans-IO generator: it yields requests and is sent the answers."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsim_env.dialogue import Outcome
from gsim_env.errors import SimulatorError
from gsim_env.groups import Group
from gsim_env.models import Completion, CompletionRequest, EmbeddingRequest
from gsim_env.profiles import CustomerProfile
from gsim_env.simulation.candidate_steps import CandidateSteps
from gsim_env.simulation.manager import Call, Manager
from gsim_env.simulation.prompts import (
    SILENCE,
    Guidance,
    customer_system,
    guidance_message,
    reads_out,
    spoken,
)
from gsim_env.simulation.state import CustomerState, init_state
from gsim_env.simulation.utterance import parse_utterance
from gsim_env.sop import Hit, Search
from gsim_env.util.repetition import has_word_loop, is_repeated_utterance

__all__ = ["CustomerTurn", "Listen", "Request", "conversation"]

SPEAKING_TRIES = 3
"""Maximum number of requests for one utterance, each with another seed."""

TEMPERATURE_STEP = 0.4
"""Rise of the temperature per retry: a looping model gives the same words for any seed."""


@dataclass(frozen=True, slots=True)
class CustomerTurn:
    """The customer's turn in a call: text, guidance, outcome and a copy of the state.

    Attributes:
        text: The customer's words r_t; empty before the first exchange.
        guidance: The customer model's guidance; ``None`` before the first exchange, and without
            guidance.
        outcome: How the call ended, ``None`` while it goes on.
        state: S_t, as a copy.
    """

    text: str
    guidance: Guidance | None
    outcome: Outcome | None
    state: CustomerState

    @property
    def potential(self) -> float:
        """The potential Phi(S_t) of the customer's state, in [0, 1], for reward shaping."""
        return self.state.potential()


@dataclass(frozen=True, slots=True)
class Listen:
    """A request for the salesperson's next utterance u_t, after the customer's ``turn``.

    The first one precedes all words: the customer has picked up the phone.
    """

    turn: CustomerTurn


Request = CompletionRequest | EmbeddingRequest | Search | Listen
Answer = Completion | NDArray[np.float32] | list[Hit]
ConversationFlow = Generator[Request, Any, CustomerTurn]
"""A conversation in progress; send each request's ``Answer``, or a ``str`` for ``Listen``."""


def conversation(
    group: Group,
    profile: CustomerProfile,
    manager: Manager,
    rng: np.random.Generator,
    k: int,
    max_turns: int,
    *,
    guided: bool = True,
) -> ConversationFlow:
    """Simulate one call as a generator: yields requests (model, encoder, library), gets answers.

    Args:
        group: The cohort.
        profile: The individual p.
        manager: Updates the state and gives guidance.
        rng: The source of every random draw, the models' sampling seeds too.
        k: Size of K_p.
        max_turns: Exchanges after which the call ends with ``turn_limit``.
        guided: Whether the customer model gets the guidance. Without it, the model sees profile and
            history only (the paper's ablation of the dynamic SOP, table 2); state and outcome
            change as usual.

    Yields:
        Requests: ``EmbeddingRequest`` (sent: array (texts, d)), ``Search`` (sent: list of ``Hit``),
        ``CompletionRequest`` (sent: ``Completion``), and ``Listen`` (sent: the salesperson's words,
        ``str``).

    Returns:
        The last turn; its ``outcome`` is set.

    Raises:
        UtteranceError: if what is sent for ``Listen`` is not a ``str``.
        SimulatorError: if the customer model says nothing in three tries, or the library holds no
            chain.
    """
    call = yield from _pick_up(group, profile, rng, k)
    turn = CustomerTurn("", None, None, call.state.copy())
    while turn.outcome is None:
        heard = parse_utterance((yield Listen(turn)))
        call.add("user", heard.text or SILENCE)

        decision = yield from manager.decide(call, heard)
        guidance = decision.guidance if guided else None
        text = yield from _speak(call, guidance)
        call.add("assistant", text)

        outcome = decision.outcome
        if outcome is None and call.state.turn >= max_turns:
            outcome = Outcome.TURN_LIMIT
        turn = CustomerTurn(text, guidance, outcome, call.state.copy())
    return turn


def _pick_up(
    group: Group, profile: CustomerProfile, rng: np.random.Generator, k: int
) -> Generator[Request, Any, Call]:
    """Phase 1 of Algorithm 1: K_p by profile similarity (eq. 8), then S_0."""
    (vector,) = yield EmbeddingRequest((profile.text,))
    hits = yield Search(vector, k, profile.archetype)
    if not hits:
        raise SimulatorError(
            f"The library holds no chain of archetype {profile.archetype!r}; rebuild it."
        )
    dynamics = group.config.archetypes[profile.archetype].dynamics
    state = init_state(profile, dynamics, rng)
    candidates = CandidateSteps.of([hit.chain for hit in hits], group, profile)
    return Call(group, profile, candidates, state, rng, [customer_system(group, profile)])


def _speak(call: Call, guidance: Guidance | None) -> Generator[Request, Any, str]:
    """Line 12 of Algorithm 1: the customer model words the guidance, or speaks without one.

    Small models loop, repeat either side, or read out the guidance: the model is asked again, and
    its last answer is taken.
    """
    instructions = [] if guidance is None else [guidance_message(call.group, guidance)]
    messages = [*call.history, *instructions]
    last = next(
        (
            message["content"]
            for message in reversed(call.history)
            if message["role"] == "assistant"
        ),
        "",
    )

    sampling = call.group.config.sampling
    text = ""
    for _ in range(SPEAKING_TRIES):
        seed = int(call.rng.integers(2**31))
        completion = yield CompletionRequest("customer", messages, sampling, seed)
        warmer = sampling.temperature + TEMPERATURE_STEP
        sampling = sampling.model_copy(update={"temperature": warmer})

        text = spoken(completion.text) or text
        stuck = has_word_loop(text) or is_repeated_utterance(text, call.said, last)
        if text and not stuck and not any(reads_out(text, message) for message in instructions):
            return text

    if text:
        return text
    raise SimulatorError(f"The customer model said nothing in {SPEAKING_TRIES} tries.")
