"""``GroupedSim-Telemarketing``: a phone call with a simulated customer; the agent is the salesperson."""

from collections.abc import Mapping
from typing import Any

import gymnasium as gym

from gsim_env.envs.episode import Episode
from gsim_env.envs.rewards import Reward
from gsim_env.errors import unknown
from gsim_env.simulation.drivers import block_on
from gsim_env.simulation.hearing import MAX_HEARD
from gsim_env.simulation.simulator import ModelSpec, Simulator
from gsim_env.spaces import Utterance

__all__ = ["MAX_SHOWN", "TelemarketingEnv"]

MAX_SHOWN = 8192
"""The longest observation, in characters."""


class TelemarketingEnv(gym.Env[str, str]):
    """A cold call: the agent is the salesperson, the simulated customer did not ask for it.

    ## Description
    Each episode is one call with one customer of a group (Grouped Simulator, Algorithm 1). A profile is drawn, the most
    similar recorded customers' behaviour is retrieved, and each turn a Manager moves the customer's hidden state and
    guides the model that words the answer.

    ## Action Space
    ``Utterance(600)``: what the salesperson says, any ``str``. Longer texts are heard up to 600 characters. Silence (an
    empty text), control characters and chat-template tokens are answered in the call like any other noise.

    ## Observation Space
    ``Utterance(8192)``: from ``reset`` the call brief (who is called, what is sold, what is known before the call),
    from ``step`` the customer's words.

    ## Rewards
    ``outcome`` (default): 1 for an accepted call, else 0. ``shaped``: plus gamma * Phi(s') - Phi(s), which leaves the
    optimal policy unchanged. ``info`` holds each term (``reward/outcome``, ``reward/shaping``); they sum to the reward.

    ## Starting State
    A customer drawn from the group, or as ``reset(options=...)`` says: ``archetype``, ``concerns``, ``must_contain``,
    ``must_not_contain``, or a whole ``profile``.

    ## Episode End
    Terminated: accepted, declined, hung_up, sales_ended. Truncated: turn_limit. ``info["outcome"]`` is the
    :class:`~gsim_env.dialogue.Outcome` (a ``str``), ``None`` while the call goes on.

    ## Arguments
    * ``group``: a built-in group or the path of a bundle. Default ``"food_delivery"``.
    * ``customer``: back end that words the customer, a name or settings. Default ``"embedded"``.
    * ``manager``: ``"chain"`` (default), or a back end for the language-model Manager.
    * ``profiles``: ``"corpus"`` (default: recorded customers, recombined), or a back end that writes profiles.
    * ``encoder``, ``library``: ``None`` for what suits the customer; else ``"minilm"`` or ``"hashing"``, and ``"milvus"``, a
      Milvus server's URI, or ``"memory"``.
    * ``k``: retrieved calls a customer. Default 5.
    * ``max_turns``: exchanges until truncation. Default 15.
    * ``reward``: ``"outcome"`` or ``"shaped"``; ``gamma``: the learner's discount, for ``shaped``. Default 1.0.
    * ``reveal``: put profile, state and guidance into info. Default ``False``.
    * ``render_mode``: ``None``, ``"ansi"`` (``render`` returns the transcript) or ``"human"`` (it is printed as it happens).

    ## Registered Configurations
    ``GroupedSim-Telemarketing-v0``: the defaults above.

    ## Version History
    * v0: first release.

    Raises:
        ConfigurationError: if an argument is not legal.
    """

    metadata = {  # noqa: RUF012 - Gymnasium declares it an instance variable
        "render_modes": ["ansi", "human"],
        "render_fps": 1,
    }

    def __init__(
        self,
        group: str = "food_delivery",
        customer: ModelSpec = "embedded",
        manager: ModelSpec = "chain",
        profiles: ModelSpec = "corpus",
        encoder: str | None = None,
        library: str | None = None,
        k: int = 10,
        max_turns: int = 15,
        reward: str = "outcome",
        gamma: float = 1.0,
        reveal: bool = False,  # noqa: FBT001, FBT002 - Gymnasium passes keywords
        render_mode: str | None = None,
    ) -> None:
        """Check the configuration; models are loaded by the first reset."""
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise unknown("render mode", render_mode, self.metadata["render_modes"])
        self.render_mode = render_mode
        self.action_space = Utterance(MAX_HEARD)
        self.observation_space = Utterance(MAX_SHOWN)
        self.simulator = Simulator(group, customer, manager, profiles, encoder, library, k, max_turns)
        self._episode = Episode(self.simulator, Reward(reward, gamma), reveal=reveal)

    def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Draw a customer and pick up the phone; see *Starting State* for ``options``.

        Raises:
            ConfigurationError: if an option is not legal.
            SimulatorError: if a model, the encoder or the database fails.
        """
        super().reset(seed=seed)
        return block_on(self._episode.reset(self.np_random, options))

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Say something and hear the customer's answer.

        Raises:
            ConfigurationError: if no call is in progress.
            UtteranceError: if ``action`` is not a ``str``; the call goes on.
            SimulatorError: if a model, the encoder or the database fails; the call is over, without a reward.
        """
        result = block_on(self._episode.step(action))
        if self.render_mode == "human":
            print("\n".join(self._lines()[-2:]))  # noqa: T201 - what the mode is for
        return result

    def render(self) -> str | None:
        """Return the transcript so far (``ansi``); in ``human`` mode it has been printed already."""
        return "\n".join(self._lines()) if self.render_mode == "ansi" else None

    def _lines(self) -> list[str]:
        lines = []
        for said, turn in self._episode.transcript:
            end = f"  [{turn.outcome}]" if turn.outcome else ""
            lines += [f"Salesperson: {said}", f"Customer: {turn.text}{end}"]
        return lines
