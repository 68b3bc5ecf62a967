"""Replay of recorded calls as training pairs (x, y) of D_sim with guidance (eq. 6)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gsim_env.groups import Group
from gsim_env.models import ChatMessage
from gsim_env.profiles import CustomerProfile
from gsim_env.simulation.candidate_steps import CandidateSteps, references
from gsim_env.simulation.prompts import Guidance, customer_system, guidance_message
from gsim_env.simulation.state import SalesMove, init_state, update
from gsim_env.simulation.utterance import parse_utterance
from gsim_env.sop.chain import BehaviorChain
from gsim_env.sop.library import Indexed, Search, SopLibrary
from gsim_env.util.text_safety import sanitize_text

__all__ = ["ReplayedCall", "replay"]


@dataclass(frozen=True, slots=True)
class ReplayedCall:
    """A recorded call as a customer model's chat history with a guidance for each turn.

    Attributes:
        call_id: The recorded call.
        history: System message, then the utterances, strictly alternating (``user``: sales,
            ``assistant``: customer).
        guidances: The guidance of each assistant message of ``history``.
    """

    call_id: str
    history: list[ChatMessage]
    guidances: list[ChatMessage]

    def examples(self) -> Iterator[tuple[list[ChatMessage], str]]:
        """Yield training pairs (x, y): the customer model's prompt, the recorded utterance."""
        answers = [
            index for index, message in enumerate(self.history) if message["role"] == "assistant"
        ]
        for index, guidance in zip(answers, self.guidances, strict=True):
            yield [*self.history[:index], guidance], self.history[index]["content"]


def replay(
    group: Group,
    indexed: Indexed,
    library: SopLibrary,
    rng: np.random.Generator,
    k: int = 10,
    echo: float = 0.0,
) -> Iterator[ReplayedCall]:
    """Convert recorded calls to customer-model prompts, with guidance from annotated stages.

    Args:
        group: The cohort.
        indexed: The recorded calls.
        library: M_SOP, for K_p. The replayed call's own chain is excluded, so that the references
            do not hold the answer.
        rng: The source of every random draw.
        k: Size of K_p.
        echo: Share of turns that do get the answer as a reference. It teaches a small model to use
            its references.

    Yields:
        One replayed call for each recorded call.
    """
    for call, vector, chain in zip(indexed.calls, indexed.profiles, indexed.chains(), strict=True):
        hits = library.search([Search(vector, k + 1, call.profile.archetype)])[0]
        chains = [hit.chain for hit in hits if hit.chain.call_id != call.id][:k]
        candidates = CandidateSteps.of(chains, group, call.profile)
        yield _replay(group, call.profile, chain, candidates, rng, echo)


def _replay(
    group: Group,
    profile: CustomerProfile,
    chain: BehaviorChain,
    candidates: CandidateSteps,
    rng: np.random.Generator,
    echo: float,
) -> ReplayedCall:
    dynamics = group.config.archetypes[profile.archetype].dynamics
    state = init_state(profile, dynamics, rng)
    history = [customer_system(group, profile)]
    guidances = []
    used: set[str] = set()

    for step, vector in zip(chain.steps, chain.vectors, strict=True):
        kind = group.taxonomy.sales[step.sales_stage].kind
        answers = frozenset(() if step.answers is None else (step.answers,))
        update(state, SalesMove(kind, step.sales_stage, answers, kind == "ask"), dynamics)

        nearness = candidates.nearness(state, step.sales_stage, vector)
        stance = state.stance(group.config.stances)
        shown = references(candidates, nearness, step.stage, step.concern, group.taxonomy, used)
        used.update(shown)
        if rng.random() < echo:
            others = [text for text in shown if text != step.customer][:2]
            others.insert(int(rng.integers(len(others) + 1)), step.customer)
            shown = tuple(others)

        guidances.append(guidance_message(group, Guidance(step.stage, stance, step.concern, shown)))
        history.append({"role": "user", "content": parse_utterance(step.sales).text})
        history.append({"role": "assistant", "content": sanitize_text(step.customer)})
        used.update((history[-2]["content"], history[-1]["content"]))

        state.stage = step.stage
        state.stated = step.concern or state.stated
    return ReplayedCall(chain.call_id, history, guidances)
