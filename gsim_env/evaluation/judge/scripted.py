"""A rule-based judge for tests; its scores mean nothing and are marked ``scripted``."""

import json
import re
from collections.abc import Sequence

from gsim_env.errors import SimulatorError
from gsim_env.models import Completion, CompletionRequest

__all__ = ["ScriptedJudge", "scripted_judge_answer"]

POLITE = re.compile(
    r"\b(?:please|thank|certainly|of course|as an? (?:owner|merchant)|firstly|secondly|finally)\b",
    re.IGNORECASE,
)
BUSY = re.compile(r"\b(?:busy|quick|hurry|later|wait|hold on|no time|customers?)\b", re.IGNORECASE)
LONG_WORD = re.compile(r"\w{5,}")


class ScriptedJudge:
    """A stand-in for a language model that answers a judge's questions by fixed rules.

    Attributes:
        scripted: Always ``True``; reports carry it.
    """

    scripted = True

    async def acomplete(self, request: CompletionRequest) -> Completion:
        """Answer one request for a rating or a profile check by rule.

        Raises:
            SimulatorError: if it is not a judge's.
        """
        return Completion(scripted_judge_answer(request), prompt_tokens=100, completion_tokens=10)


def scripted_judge_answer(request: CompletionRequest) -> str:
    """Return a rule-based JSON answer that fits the schema of a judge's request.

    Raises:
        SimulatorError: if the schema is neither an evaluator's nor the robustness test's.
    """
    properties = (request.schema or {}).get("properties", {})
    text = request.messages[-1]["content"]

    if "valid" in properties:
        _, _, rest = text.partition("Definition: ")
        definition, _, description = rest.partition("Description: ")
        shared = sorted(_long_words(definition) & _long_words(description))
        return json.dumps({"reason": f"They share: {', '.join(shared)}.", "valid": bool(shared)})

    if "scores" in properties:
        lines = [line.removeprefix("C: ") for line in text.splitlines() if line.startswith("C: ")]
        scores = {name: _score(name, text, lines) for name in properties["scores"]["properties"]}
        return json.dumps({"reasoning": f"{len(lines)} turns by rule.", "scores": scores})

    raise SimulatorError(
        f"The scripted judge was asked for {sorted(properties)}; "
        "it gives scores and checks profiles only."
    )


def _score(dimension: str, text: str, lines: Sequence[str]) -> int:
    """Return a score from 0 to 10.

    Brevity and tone are scored by the customer's words, the other dimensions by the number of words
    that the customer takes from the profile.
    """
    turns = max(len(lines), 1)
    if dimension == "brevity":
        words_per_turn = sum(len(line.split()) for line in lines) / turns
        return round(max(0.0, 10 - words_per_turn / 5))
    if dimension == "naturalness":
        return round(10 * sum(not POLITE.search(line) for line in lines) / turns)
    if dimension == "context_immersion":
        return round(10 * sum(bool(BUSY.search(line)) for line in lines) / turns)

    profile, _, _ = text.partition("Transcript:")
    return min(10, 5 + len(_long_words(profile) & _long_words(" ".join(lines))))


def _long_words(text: str) -> set[str]:
    return set(LONG_WORD.findall(text.lower()))
