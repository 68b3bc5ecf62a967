"""A judge of a few rules instead of a model, for tests.

Its figures say nothing about customers, and are marked so.
"""

import json
import re
from collections.abc import Sequence

from gsim_env.errors import SimulatorError
from gsim_env.models import Complete, Completion

__all__ = ["ScriptedJudge", "scripted_verdict"]

POLITE = re.compile(
    r"\b(?:please|thank|certainly|of course|as an? (?:owner|merchant)|firstly|secondly|finally)\b",
    re.IGNORECASE,
)
BUSY = re.compile(r"\b(?:busy|quick|hurry|later|wait|hold on|no time|customers?)\b", re.IGNORECASE)
WORD = re.compile(r"\w{5,}")


class ScriptedJudge:
    """Answers what the judge and the robustness test ask, by rule.

    The same question gets the same answer.

    Attributes:
        scripted: Reports carry it.
    """

    scripted = True

    async def acomplete(self, request: Complete) -> Completion:
        """Answer one request.

        Raises:
            SimulatorError: if it is not a judge's.
        """
        return Completion(scripted_verdict(request), prompt_tokens=100, completion_tokens=10)


def scripted_verdict(request: Complete) -> str:
    """Return an answer that fits the request's schema.

    Raises:
        SimulatorError: if the schema is neither an evaluator's nor the robustness test's.
    """
    asked = (request.schema or {}).get("properties", {})
    text = request.messages[-1]["content"]
    if "valid" in asked:
        definition, _, description = text.partition("Definition: ")[2].partition("Description: ")
        shared = set(WORD.findall(definition.lower())) & set(WORD.findall(description.lower()))
        return json.dumps(
            {"reason": f"They share: {', '.join(sorted(shared))}.", "valid": bool(shared)}
        )
    if "scores" in asked:
        said = [line.removeprefix("C: ") for line in text.splitlines() if line.startswith("C: ")]
        scores = {name: _score(name, text, said) for name in asked["scores"]["properties"]}
        return json.dumps({"reasoning": f"{len(said)} turns by rule.", "scores": scores})
    raise SimulatorError(
        f"The scripted judge was asked for {sorted(asked)}; it gives scores and checks profiles only."
    )


def _score(dimension: str, text: str, said: Sequence[str]) -> int:
    """Return 0 to 10.

    Of brevity and the tone by the words, of all else by how much of the profile C's words take up.
    """
    words = sum(len(line.split()) for line in said) / max(len(said), 1)
    if dimension == "brevity":
        return round(max(0.0, 10 - words / 5))
    if dimension == "naturalness":
        return round(10 * sum(not POLITE.search(line) for line in said) / max(len(said), 1))
    if dimension == "context_immersion":
        return round(10 * sum(bool(BUSY.search(line)) for line in said) / max(len(said), 1))
    before, _, _ = text.partition("Transcript:")
    known = set(WORD.findall(before.lower()))
    return min(10, 5 + len(known & set(WORD.findall(" ".join(said).lower()))))
