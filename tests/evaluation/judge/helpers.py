"""Helpers of the judge's tests: recorded calls, ratings, and a model with planned answers."""

import itertools

from gsim_env.evaluation.judge.judge import JudgeRating
from gsim_env.evaluation.judge.rubric import EVALUATORS
from gsim_env.evaluation.records import EvaluatedCall, EvaluatedTurn
from gsim_env.models import Completion
from gsim_env.util.aio import block_on


def some_calls(group, n, methods=("ours", "prompt_only")):
    """Recorded calls under the names of methods.

    Each method says something of its own, so that no prompt is another's.
    """
    found = []
    for method in methods:
        for number, recorded in enumerate(group.calls[:: len(group.calls) // n][:n]):
            call = EvaluatedCall.from_recording(number, recorded)
            last = EvaluatedTurn(
                sales=f"Bye from {len(method)}.",
                customer="Bye." if method == "ours" else "Thank you. " * 9,
            )
            found.append(
                call.model_copy(update={"method": method, "turns": (*call.turns[:3], last)})
            )
    return found


def rate(judge, *arguments, **settings):
    return block_on(judge.rate_calls(*arguments, **settings))


def spec_of(server, **settings):
    return {
        "backend": "openai",
        "model": "m",
        "base_url": server.url,
        "api_key": "secret",
        "max_retries": 0,
    } | settings


class Answering:
    """A language model that answers with these texts in order, then repeats the last."""

    def __init__(self, *texts):
        self.asked = []
        self._texts = itertools.chain(texts[:-1], itertools.repeat(texts[-1]))

    async def acomplete(self, request):
        self.asked.append(request)
        return Completion(next(self._texts), prompt_tokens=10, completion_tokens=1)


def rating(call, evaluator, scores, vote=0, **changes):
    fields = {
        "judge": "m",
        "scripted": False,
        "call": call.id,
        "method": call.method,
        "archetype": call.profile.archetype,
        "evaluator": evaluator,
        "vote": vote,
        "scores": dict(zip(EVALUATORS[evaluator].dimensions, scores, strict=True))
        if scores
        else None,
        "reasoning": "",
        "error": None if scores else "cut",
        "prompt_tokens": 100,
        "completion_tokens": 10,
    }
    return JudgeRating(**fields | changes)
