"""Turn t's prompt without its guidance is a prefix of turn t+1's.

Exact, in token ids of the embedded model.
"""

import asyncio
import itertools
import json
import urllib.request

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsim_env.envs import AsyncTelemarketingEnv
from gsim_env.models import Completion, CompletionRequest
from gsim_env.models.backends.embedded import Config as EmbeddedConfig
from gsim_env.models.registry import build_language_model
from tests.helpers import LINES

pytestmark = pytest.mark.slow


class Recorder:
    """Remembers what it is asked and lets another model answer."""

    def __init__(self, model):
        self.model, self.requests = model, []

    async def acomplete(self, request: CompletionRequest) -> Completion:
        self.requests.append(request)
        return await self.model.acomplete(request)


@pytest.fixture(scope="module")
def tokens():
    """Token ids of a chat, by the real engine: its template, its tokenizer."""
    server = EmbeddedConfig(parallel=1, context=256).build().server

    def post(path, body):
        request = urllib.request.Request(
            server.listening_address + path,
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as response:
            return json.load(response)

    def ids(messages):
        prompt = post("/apply-template", {"messages": messages})["prompt"]
        return post("/tokenize", {"content": prompt, "add_special": True, "parse_special": True})[
            "tokens"
        ]

    return ids


def recorded_call(seed, lines):
    recorder = Recorder(build_language_model("scripted"))
    call = AsyncTelemarketingEnv(customer="scripted")
    call.simulator.services.models["customer"] = recorder

    async def play():
        await call.reset(seed=seed)
        for line in lines:
            _, _, terminated, truncated, _ = await call.step(line)
            if terminated or truncated:
                return

    asyncio.run(play())
    return [request.messages for request in recorder.requests]


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    lines=st.lists(st.sampled_from(LINES) | st.text(max_size=60), min_size=3, max_size=6),
)
def test_prompts_without_guidance_are_prefixes_in_token_ids(tokens, seed, lines):
    prompts = recorded_call(seed, lines)
    answer_mark = len(tokens([{"role": "system", "content": "x"}])) - len(
        tokens_before_answer(tokens)
    )
    for now, then in itertools.pairwise(prompts):
        assert now[-1]["role"] == "system"
        assert then[: len(now) - 1] == now[:-1]
        prefix = tokens(now[:-1])[:-answer_mark]
        assert tokens(then)[: len(prefix)] == prefix
        assert tokens(now)[: len(prefix)] == prefix


def tokens_before_answer(tokens):
    """What two different chats share at their start ends before "assistant" is opened.

    Measured, not assumed.
    """
    one = tokens([{"role": "system", "content": "x"}])
    two = tokens([{"role": "system", "content": "x"}, {"role": "user", "content": "y"}])
    shared = 0
    while one[shared] == two[shared]:
        shared += 1
    return one[: shared - 1]  # the mark that opens the next message is shared too
