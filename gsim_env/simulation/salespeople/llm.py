"""A salesperson played by a language model, any backend of ``gsim_env.models``."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from string import Template

import numpy as np

from gsim_env.errors import SimulatorError
from gsim_env.groups import Group
from gsim_env.groups.bundle import read_prompt_template
from gsim_env.models import ChatMessage, CompletionRequest, SamplingParams
from gsim_env.models.protocol import QUOTE_PREFIX
from gsim_env.simulation.prompts import SILENCE, spoken
from gsim_env.simulation.salespeople.protocol import UtteranceFlow
from gsim_env.simulation.salespeople.script_library import Script
from gsim_env.simulation.utterance import parse_utterance
from gsim_env.util.text_safety import sanitize_text

__all__ = ["SAMPLING", "LLMSalesperson", "sales_prompts", "sales_system"]

SAMPLING = SamplingParams(temperature=0.95, top_p=0.9, repetition_penalty=1.05, max_tokens=160)
"""Default sampling: Table 8, AI-Salesman, for a model of 32 billion parameters.

A small model needs a lower temperature. A customer hears about 160 tokens of an utterance at most
(the paper allows 256).
"""

TRIES = 3
"""Maximum number of requests for an utterance that is not empty, repeated or garbled."""

PROMPTS = {"sales": ("brief",), "script": ("stage", "definition", "scripts")}


class LLMSalesperson:
    """A language model with the brief and the history as its prompt.

    The order is system (brief, rules), history (``user``: the customer, ``assistant``: the
    salesperson), then the suggested scripts of this turn. The history is append-only, so that
    servers can reuse the prompt's prefix.

    Args:
        group: The cohort, for its prompts and stages.
        brief: The call brief.
        rng: The source of the sampling seeds.
        sampling: The sampling parameters.
    """

    def __init__(
        self,
        group: Group,
        brief: str,
        rng: np.random.Generator,
        sampling: SamplingParams = SAMPLING,
    ) -> None:
        """Begin a call."""
        self._group = group
        self._rng = rng
        self._sampling = sampling
        self._prompts = sales_prompts(group)
        self._history: list[ChatMessage] = [sales_system(group, brief)]
        self._said: set[str] = set()

    def respond(self, heard: str | None, scripts: Sequence[Script] = ()) -> UtteranceFlow:
        """Return the model's next utterance.

        Yields one ``CompletionRequest``, and more only if an answer is empty, repeated or garbled.

        Args:
            heard: The customer's last utterance; ``None`` at the start of the call.
            scripts: Suggested scripts of one stage.

        Raises:
            SimulatorError: if the model says nothing in three tries.
        """
        content = parse_utterance(heard or "").text or SILENCE
        self._history.append({"role": "user", "content": content})
        messages = [*self._history, *self._suggestion(scripts)]

        text = ""
        for _ in range(TRIES):
            seed = int(self._rng.integers(2**31))
            completion = yield CompletionRequest("sales", messages, self._sampling, seed)
            words = parse_utterance(spoken(completion.text))
            # "..." is silence.
            if not any(character.isalnum() for character in words.text):
                continue
            text = words.text
            if not words.garbled and text not in self._said:
                break

        if not text:
            raise SimulatorError(f"The salesperson's model said nothing in {TRIES} tries.")
        self._history.append({"role": "assistant", "content": text})
        self._said.add(text)
        return text

    def _suggestion(self, scripts: Sequence[Script]) -> list[ChatMessage]:
        if not scripts:
            return []
        stage = scripts[0].stage
        content = self._prompts["script"].substitute(
            stage=stage,
            definition=self._group.taxonomy.sales[stage].definition,
            scripts="\n".join(QUOTE_PREFIX + script.text for script in scripts),
        )
        return [{"role": "system", "content": content}]


def sales_system(group: Group, brief: str) -> ChatMessage:
    """Return a salesperson's system message: the call brief (as ``reset`` returns it) and rules.

    The brief holds the customer's listing, so it is sanitized like an utterance.
    """
    known = "\n".join(sanitize_text(line) for line in brief.splitlines())
    return {"role": "system", "content": sales_prompts(group)["sales"].substitute(brief=known)}


@lru_cache(maxsize=8)
def sales_prompts(group: Group) -> Mapping[str, Template]:
    """Return the prompts ``sales`` and ``script``: the group's (``prompts/*.txt``), or defaults.

    Raises:
        CorpusError: if a prompt of the group has an unknown placeholder.
    """
    prompts = {}
    for name, fields in PROMPTS.items():
        custom = group.path / "prompts" / f"{name}.txt"
        file = custom if custom.is_file() else Path(__file__).parent / "prompts" / f"{name}.txt"
        prompts[name] = read_prompt_template(file, fields)
    return prompts
