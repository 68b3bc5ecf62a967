"""The environment ``GroupedSim-Telemarketing``: a sales call to a simulated customer."""

from collections.abc import Mapping
from typing import Any, Unpack

import gymnasium as gym

from gsim_env.envs.episode import Episode
from gsim_env.envs.rewards import StepReward
from gsim_env.errors import unknown_name_error
from gsim_env.simulation.config import SimulatorConfig, SimulatorOptions
from gsim_env.simulation.simulator import Simulator
from gsim_env.simulation.utterance import MAX_UTTERANCE_CHARS
from gsim_env.spaces import Utterance
from gsim_env.util.aio import block_on

__all__ = ["MAX_OBSERVATION_CHARS", "TelemarketingEnv"]

MAX_OBSERVATION_CHARS = 8192
"""The longest observation, in characters."""


class TelemarketingEnv(gym.Env[str, str]):
    """A cold call to a simulated customer; the agent is the salesperson.

    ## Description
    Each episode is one call with one customer of a group (Grouped Simulator, Algorithm 1). A
    profile is drawn, the most similar recorded customers' behavior is retrieved, and each turn a
    Manager moves the customer's hidden state and guides the model that words the answer.

    ## Action Space
    ``Utterance(600)``: the salesperson's utterance, any ``str``. Longer texts are cut to 600
    characters. Silence (an empty text), control characters and chat-template tokens count as noise,
    which the customer answers.

    ## Observation Space
    ``Utterance(8192)``: from ``reset`` the call brief (the offer, the customer's directory entry),
    from ``step`` the customer's words.

    ## Rewards
    ``outcome`` (default): 1 for an accepted call, else 0. ``shaped``: plus gamma * Phi(s') -
    Phi(s), which leaves the optimal policy unchanged. ``info`` holds each term (``reward/outcome``,
    ``reward/shaping``); they sum to the reward.

    ## Starting State
    A customer drawn from the group. ``reset(options=...)`` constrains the draw by ``archetype``,
    ``concerns``, ``ranges``, ``must_contain`` and ``must_not_contain`` (see
    :class:`~gsim_env.profiles.ProfileConstraints`), or gives a whole ``profile``.

    ## Episode End
    Terminated: accepted, declined, hung_up, sales_ended. Truncated: turn_limit. ``info["outcome"]``
    is the :class:`~gsim_env.dialogue.Outcome` (a ``str``), ``None`` while the call goes on.

    ## Arguments
    Of the simulator (:class:`~gsim_env.simulation.config.SimulatorConfig`):

    * ``group``: a built-in group, or the path of a bundle. Default ``"food_delivery"``.
    * ``customer``: the backend that words the customer: a name or settings. Default ``"embedded"``.
    * ``manager``: ``"chain"``, or a backend for the language-model Manager. Default ``"chain"``.
    * ``profiles``: ``"corpus"`` (recorded customers, recombined), or a backend that writes
      profiles. Default ``"corpus"``.
    * ``encoder``: ``"minilm"``, ``"hashing"``, a folder or a hub name. Default ``None``:
      ``"hashing"`` with the scripted customer, else ``"minilm"``.
    * ``library``: ``"memory"``, ``"milvus"`` (Milvus Lite) or a Milvus server's URI. Default
      ``None``: ``"memory"``, or ``"milvus"`` for a corpus of more than 20,000 calls.
    * ``k``: retrieved calls per customer (eq. 8). Default ``10``.
    * ``max_turns``: exchanges until a call is truncated. Default ``15``.
    * ``guidance``: whether the customer model is given the Manager's guidance; ``False`` is the
      paper's ablation without the dynamic SOP (table 2). Default ``True``.

    Of the environment:

    * ``reward``: ``"outcome"`` or ``"shaped"``. Default ``"outcome"``.
    * ``gamma``: the learner's discount factor, for ``shaped``. Default ``1.0``.
    * ``reveal``: put profile, state and guidance into ``info``. Default ``False``.
    * ``render_mode``: ``"ansi"`` (``render`` returns the transcript) or ``"human"`` (exchanges are
      printed as they happen). Default ``None``.

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
        *,
        reward: str = "outcome",
        gamma: float = 1.0,
        reveal: bool = False,
        render_mode: str | None = None,
        **simulator: Unpack[SimulatorOptions],
    ) -> None:
        """Check the configuration; models are loaded by the first reset."""
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise unknown_name_error("render mode", render_mode, self.metadata["render_modes"])

        self.render_mode = render_mode
        self.action_space = Utterance(MAX_UTTERANCE_CHARS)
        self.observation_space = Utterance(MAX_OBSERVATION_CHARS)
        self.simulator = Simulator(SimulatorConfig(**simulator))
        self._episode = Episode(self.simulator, StepReward(reward, gamma), reveal=reveal)

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Draw a customer and start the call; see *Starting State* for ``options``.

        Raises:
            ConfigurationError: if an option is not legal.
            SimulatorError: if a model, the encoder or the database fails.
        """
        super().reset(seed=seed)
        return block_on(self._episode.reset(self.np_random, options))

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Send the salesperson's utterance and return the customer's answer.

        Raises:
            ResetNeededError: if no call is in progress.
            UtteranceError: if ``action`` is not a ``str``; the call goes on.
            SimulatorError: if a model, the encoder or the database fails; the call is over, without
                a reward.
        """
        result = block_on(self._episode.step(action))
        if self.render_mode == "human":
            print("\n".join(self._lines()[-2:]))  # noqa: T201 - what the mode is for
        return result

    def render(self) -> str | None:
        """Return the transcript so far in ``ansi`` mode, else ``None``."""
        return "\n".join(self._lines()) if self.render_mode == "ansi" else None

    def _lines(self) -> list[str]:
        lines: list[str] = []
        for utterance, turn in self._episode.transcript:
            end = f"  [{turn.outcome}]" if turn.outcome else ""
            lines += [f"Salesperson: {utterance}", f"Customer: {turn.text}{end}"]
        return lines
