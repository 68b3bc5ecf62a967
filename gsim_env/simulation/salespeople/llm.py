"""A salesperson worded by a language model, any backend of ``gsim_env.models``."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from string import Template

import numpy as np

from gsim_env.errors import SimulatorError
from gsim_env.groups import Group
from gsim_env.groups.bundle import read_prompt
from gsim_env.models import Complete, Message, Sampling
from gsim_env.models.protocol import QUOTE_PREFIX
from gsim_env.simulation.prompts import SILENCE, spoken
from gsim_env.simulation.salespeople.protocol import UtteranceFlow
from gsim_env.simulation.salespeople.script_library import Script
from gsim_env.simulation.utterance import parse_utterance
from gsim_env.util.text_safety import sanitize

__all__ = ["SAMPLING", "LLMSalesperson", "sales_prompts", "sales_system"]

SAMPLING = Sampling(temperature=0.95, top_p=0.9, repetition_penalty=1.05, max_tokens=160)
"""Unless a policy says otherwise: Table 8, AI-Salesman, a model of 32 billion parameters (a small
one needs less temperature); a customer hears no more than about 160 tokens of an utterance (the
paper allows 256)."""

TRIES = 3
"""How often the model is asked, with another seed each time, when it says nothing, what it said before, or names a speaker."""

PROMPTS = {"sales": ("brief",), "script": ("stage", "definition", "scripts")}


class LLMSalesperson:
    """Knows the brief and what was said.

    The prompt only ever grows, so that servers reuse its prefix.

    The order is system (brief, rules), the history (``user``: the customer, ``assistant``: the
    salesperson), then, for a turn only, the scripts that are suggested.

    Args:
        group: The cohort, for its prompts and stages.
        brief: The call brief.
        rng: The source of the sampling seeds.
        sampling: How words are drawn.
    """

    def __init__(
        self, group: Group, brief: str, rng: np.random.Generator, sampling: Sampling = SAMPLING
    ) -> None:
        """Begin a call."""
        self._group, self._rng, self._sampling = group, rng, sampling
        self._prompts = sales_prompts(group)
        self._history: list[Message] = [sales_system(group, brief)]
        self._said: set[str] = set()

    def respond(self, heard: str | None, scripts: Sequence[Script] = ()) -> UtteranceFlow:
        """Have the model say something.

        Yields a ``Complete``, and more only if there is something wrong with the answer.

        Args:
            heard: What the customer said last; ``None`` as the phone is picked up.
            scripts: What is suggested: scripts of one stage.

        Raises:
            SimulatorError: if it says nothing in three tries.
        """
        self._history.append(
            {"role": "user", "content": parse_utterance(heard or "").text or SILENCE}
        )
        messages = [*self._history, *self._suggestion(scripts)]
        text = ""
        for _ in range(TRIES):
            completion = yield Complete(
                "sales", messages, self._sampling, int(self._rng.integers(2**31))
            )
            words = parse_utterance(spoken(completion.text))
            if not any(
                character.isalnum() for character in words.text
            ):  # "..." is how it is shown silence
                continue
            text = words.text
            if not words.garbled and text not in self._said:
                break
        if not text:
            raise SimulatorError(f"The salesperson's model said nothing in {TRIES} tries.")
        self._history.append({"role": "assistant", "content": text})
        self._said.add(text)
        return text

    def _suggestion(self, scripts: Sequence[Script]) -> list[Message]:
        if not scripts:
            return []
        stage = scripts[0].stage
        content = self._prompts["script"].substitute(
            stage=stage,
            definition=self._group.taxonomy.sales[stage].definition,
            scripts="\n".join(QUOTE_PREFIX + script.text for script in scripts),
        )
        return [{"role": "system", "content": content}]


def sales_system(group: Group, brief: str) -> Message:
    """Render a salesperson's system message.

    The call brief (as ``reset`` returns it), and the rules.

    Whatever in the brief is a customer's (the listing) is data, as all that is heard.
    """
    known = "\n".join(sanitize(line) for line in brief.splitlines())
    return {"role": "system", "content": sales_prompts(group)["sales"].substitute(brief=known)}


@lru_cache(maxsize=8)
def sales_prompts(group: Group) -> Mapping[str, Template]:
    """Return the prompts of salespeople, ``sales`` and ``script``.

    The group's own (``prompts/*.txt``), or the package's.

    Raises:
        CorpusError: if one of the group's own has a placeholder that is not filled.
    """
    prompts = {}
    for name, fields in PROMPTS.items():
        own = group.path / "prompts" / f"{name}.txt"
        file = own if own.is_file() else Path(__file__).parent / "prompts" / f"{name}.txt"
        prompts[name] = read_prompt(file, fields)
    return prompts
