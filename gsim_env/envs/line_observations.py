"""Numeric observations of calls: scores of the customer's words, lines used, turns taken."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from gsim_env.errors import ConfigurationError, CorpusError
from gsim_env.groups import Group
from gsim_env.models import Encoder
from gsim_env.simulation.salespeople import SalesScript, concern_classifier
from gsim_env.simulation.simulator import Simulator
from gsim_env.sop.index import embed_cached
from gsim_env.sop.probe import LinearProbe

__all__ = ["CustomerTurnScorer", "ObservationBuilder", "ScriptLine", "script_lines"]

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Integers = NDArray[np.int64]

PARTS = ("opening", "discovery", "pitch", "close")
"""The parts of a script that answer no concern."""


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """One line of a group's sales script; one discrete action of the agent.

    Attributes:
        text: The utterance.
        part: The part of the script: ``opening``, ``discovery``, ``pitch``, ``close`` or
            ``answers``.
        concern: The concern that the line answers; ``None`` outside ``answers``.
    """

    text: str
    part: str
    concern: str | None = None


def script_lines(group: Group) -> tuple[ScriptLine, ...]:
    """Return the lines of a group's ``script.toml``, in the file's order.

    Raises:
        ConfigurationError: if the group has no script or a malformed one, or the script answers a
            concern that the group does not define.
    """
    try:
        script = SalesScript.load(group)
    except CorpusError as error:
        raise ConfigurationError(
            f"The group {group.config.name!r} has no script to pick lines from. Write one like "
            f"those of the built-in groups (CONTRIBUTING.md, Add a group). {error}"
        ) from error

    lines: list[ScriptLine] = []
    for part in PARTS:
        lines += [ScriptLine(text, part) for text in getattr(script, part)]
    for concern, texts in script.answers.items():
        group.taxonomy.check("sales", None, concern)
        lines += [ScriptLine(text, "answers", concern) for text in texts]
    return tuple(lines)


class CustomerTurnScorer:
    """Scores customer utterances by concern and by conversation stage, with linear classifiers.

    Linear probes on sentence embeddings, fitted to the group's labeled customer turns.

    Args:
        group: The group; its taxonomy and corpus are the examples.
        encoder: The sentence encoder phi.
    """

    def __init__(self, group: Group, encoder: Encoder) -> None:
        """Embed the examples (cached on disk) and fit the probes."""
        labeled = group.taxonomy.phrases("customer")
        for call in group.calls:
            labeled += [(turn.text, turn.stage) for turn in call.customer_turns() if turn.stage]
        texts, stages = zip(*labeled, strict=True)

        self._encoder = encoder
        self._concerns = concern_classifier(group, encoder)
        self._stages = LinearProbe(stages, embed_cached(texts, encoder))

    def score_texts(self, texts: Sequence[str]) -> Floats:
        """Return scores in [0, 1], shape (texts, concerns + stages), each sorted by name."""
        vectors = self._encoder.encode(texts)
        probes = (self._concerns, self._stages)
        scores = np.concatenate([probe.scores(vectors) for probe in probes], axis=1)
        return scores.clip(0.0, 1.0).astype(np.float32)


class ObservationBuilder:
    """Builds the numeric observations of concurrent calls, from public data only.

    Args:
        simulator: The simulator; its encoder is loaded by the first customer turn.
        calls: Number of calls.

    Attributes:
        lines: The lines of the group's script.
        observation_space: The space of one call's observation.

    Raises:
        ConfigurationError: as :func:`script_lines`.
    """

    def __init__(self, simulator: Simulator, calls: int) -> None:
        """Read the script."""
        self._simulator = simulator
        self._scorer: CustomerTurnScorer | None = None
        self.lines = script_lines(simulator.group)

        taxonomy = simulator.group.taxonomy
        labels = len(taxonomy.concerns) + len(taxonomy.customer)
        self._scores = np.zeros((calls, labels), np.float32)
        self._used_lines = np.zeros((calls, len(self.lines)), np.bool_)
        self._turns = np.zeros(calls, np.float32)

        width = labels + len(self.lines) + 1
        self.observation_space = Box(0.0, 1.0, (width,), np.float32)

    def reset(self, calls: Bools) -> None:
        """Reset the observations of the calls in a mask of shape (calls,)."""
        self._scores[calls] = 0
        self._used_lines[calls] = 0
        self._turns[calls] = 0

    def record_exchanges(self, calls: Bools, actions: Integers, texts: Sequence[str]) -> None:
        """Record in each call the line that the agent used and the customer's answer.

        Args:
            calls: Mask of the calls in progress, shape (calls,).
            actions: The line used in each call, shape (calls,).
            texts: The customer's words in each call; those of other calls are ignored.
        """
        if self._scorer is None:
            encoder = self._simulator.services.encoder
            self._scorer = CustomerTurnScorer(self._simulator.group, encoder)

        rows = np.flatnonzero(calls)
        self._scores[rows] = self._scorer.score_texts([texts[int(row)] for row in rows])
        self._used_lines[rows, actions[rows]] = True
        self._turns[rows] += 1

    def observations(self) -> Floats:
        """Return the current observations as a new array, shape (calls, width)."""
        share = np.minimum(1.0, self._turns / self._simulator.config.max_turns)
        parts = [self._scores, self._used_lines, share[:, None]]
        return np.concatenate(parts, axis=1, dtype=np.float32)
