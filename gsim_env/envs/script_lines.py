"""The call for learners of numbers.

The salesperson picks one of the script's lines, and hears what a probe makes of the words.

The idea of a discrete action over a set of utterances is that of hybrid code networks (Williams,
Asadi and Zweig 2017).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from gsim_env.envs.telemarketing import TelemarketingEnv
from gsim_env.envs.vector import TelemarketingVectorEnv
from gsim_env.errors import ConfigurationError, CorpusError
from gsim_env.groups import Group
from gsim_env.models import Encoder
from gsim_env.simulation.salespeople import SalesScript, concern_classifier
from gsim_env.simulation.simulator import Simulator
from gsim_env.sop.index import embed_cached
from gsim_env.sop.probe import LinearProbe

__all__ = ["Line", "ScriptLines", "VectorScriptLines", "script_lines"]

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Integers = NDArray[np.int64]
Info = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One action: a line of the script.

    Attributes:
        text: The words.
        part: The part of the script it is from: ``opening``, ``discovery``, ``pitch``, ``close`` or
            ``answers``.
        concern: What it answers; ``None`` outside ``answers``.
    """

    text: str
    part: str
    concern: str | None = None


def script_lines(group: Group) -> tuple[Line, ...]:
    """Return the lines of a group's ``script.toml``, in the file's order.

    Raises:
        ConfigurationError: if the group has no script, or a malformed one, or it answers a concern
            that the group lacks.
    """
    try:
        script = SalesScript.load(group)
    except CorpusError as error:
        raise ConfigurationError(
            f"The group {group.config.name!r} has no script to pick lines from. Write one as in the built-in groups "
            f"(CONTRIBUTING.md, Add a group). {error}"
        ) from error
    lines = [
        Line(text, part)
        for part in ("opening", "discovery", "pitch", "close")
        for text in getattr(script, part)
    ]
    for concern, texts in script.answers.items():
        group.taxonomy.check("sales", None, concern)
        lines += [Line(text, "answers", concern) for text in texts]
    return tuple(lines)


class Ear:
    """What a customer's words are about.

    Probes on the group's labeled customer turns, which are public data.

    Args:
        group: Whose taxonomy and corpus give the examples.
        encoder: phi.
    """

    def __init__(self, group: Group, encoder: Encoder) -> None:
        """Embed the examples (cached on disk) and fit the probes."""
        labeled = group.taxonomy.phrases("customer")
        labeled += [
            (turn.text, turn.stage)
            for call in group.calls
            for turn in call.customer_turns()
            if turn.stage
        ]
        texts, stages = zip(*labeled, strict=True)
        self._encoder = encoder
        self._probes = (
            concern_classifier(group, encoder),
            LinearProbe(stages, embed_cached(texts, encoder)),
        )

    def parse_utterance(self, words: Sequence[str]) -> Floats:
        """Return the scores of concerns and of stages, in [0, 1], shape (words, concerns + stages), each sorted by name."""
        vectors = self._encoder.encode(words)
        scores = np.concatenate([probe.scores(vectors) for probe in self._probes], axis=1)
        return scores.clip(0.0, 1.0).astype(np.float32)


class ObservationBuilder:
    """What a salesperson can write down of ``calls`` calls.

    What was said and heard, never what the customer hides.

    Args:
        simulator: The configured simulator; its encoder is loaded by the first words that are
            heard.
        calls: How many.

    Raises:
        ConfigurationError: as :func:`script_lines`.
    """

    def __init__(self, simulator: Simulator, calls: int) -> None:
        """Read the script."""
        self._simulator = simulator
        self._ear: Ear | None = None
        self.lines = script_lines(simulator.group)
        taxonomy = simulator.group.taxonomy
        self._heard = np.zeros((calls, len(taxonomy.concerns) + len(taxonomy.customer)), np.float32)
        self._said = np.zeros((calls, len(self.lines)), np.bool_)
        self._turns = np.zeros(calls, np.float32)
        width = self._heard.shape[1] + len(self.lines) + 1
        self.observation_space = Box(0.0, 1.0, (width,), np.float32)

    def begin(self, calls: Bools) -> None:
        """Turn to a fresh page for the calls, a mask of shape (calls,)."""
        self._heard[calls] = self._said[calls] = self._turns[calls] = 0

    def add(self, calls: Bools, actions: Integers, words: Sequence[str]) -> None:
        """Write down the lines said in the calls (a mask), and what was heard.

        All three are of length calls.
        """
        ear = self._ear = self._ear or Ear(self._simulator.group, self._simulator.services.encoder)
        rows = np.flatnonzero(calls)
        self._heard[rows] = ear.parse_utterance([words[int(row)] for row in rows])
        self._said[rows, actions[rows]] = True
        self._turns[rows] += 1

    def observations(self) -> Floats:
        """Return the observations, shape (calls, width), each within :attr:`observation_space`.

        A new array.
        """
        share = np.minimum(1.0, self._turns / self._simulator.config.max_turns)
        return np.concatenate([self._heard, self._said, share[:, None]], axis=1, dtype=np.float32)


class ScriptLines(
    gym.Wrapper[Any, Any, str, str], RecordConstructorArgs
):  # Gymnasium types .env by the outer spaces
    """The call with one action a line of the group's script, and an observation of numbers.

    What any RL library takes.

    ## Action Space
    ``Discrete(N)``: action ``i`` says ``lines[i]``, a :class:`Line` of the group's ``script.toml``,
    which tells its part of the script and the concern that it answers. A line may be said again;
    the customer minds.

    ## Observation Space
    ``Box(0, 1, (concerns + stages + N + 1,), float32)``, in this order, all of it public:

    * what the customer's last words are about: a score for each concern of the taxonomy, sorted by
      name;
    * at what stage they sound: a score for each stage of customers, sorted by name. Both are linear
      probes' on the sentence encoder of the environment, learnt from the labeled customer turns of
      the group's corpus;
    * which of the lines have been said, 0 or 1, in the order of ``lines``;
    * the share of ``max_turns`` that is over.

    Before the first line all are 0. Rewards, endings, ``info``, ``reset(options=...)`` and
    rendering are those of :class:`~gsim_env.envs.telemarketing.TelemarketingEnv`.

    Example:
        >>> import gymnasium as gym
        >>> import gsim_env
        >>> from gsim_env.envs import ScriptLines
        >>> env = ScriptLines(gym.make("GroupedSim-Telemarketing-v0", customer="scripted"))
        >>> observation, info = env.reset(seed=0)
        >>> env.lines[0].part
        'opening'

    Args:
        env: A telemarketing environment, in whatever wrappers leave it its words.

    Raises:
        ConfigurationError: if ``env`` is another environment, or its group has no script.
    """

    def __init__(self, env: gym.Env[str, str]) -> None:
        """Read the script; the encoder is loaded by the first step."""
        RecordConstructorArgs.__init__(self)
        super().__init__(env)
        self._notes = ObservationBuilder(simulator_of(env.unwrapped), 1)
        self.lines = self._notes.lines
        self.action_space = Discrete(len(self.lines))
        self.observation_space = self._notes.observation_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, Info]:
        """Begin a call; arguments and errors as for ``TelemarketingEnv.reset``."""
        _, info = self.env.reset(seed=seed, options=options)
        self._notes.begin(np.array([True]))
        return self._notes.observations()[0], info

    def step(self, action: int | np.int64) -> tuple[Floats, SupportsFloat, bool, bool, Info]:
        """Say a line and hear the customer's answer.

        Raises:
            ConfigurationError: if there is no such line (the call goes on), or no call is in
                progress.
            SimulatorError: if a model, the encoder or the database fails; the call is over, without
                a reward.
        """
        if not self.action_space.contains(action):
            raise ConfigurationError(
                f"The action must be a line's number, 0 to {len(self.lines) - 1}, got {action!r}."
            )
        words, reward, terminated, truncated, info = self.env.step(self.lines[action].text)
        self._notes.add(np.array([True]), np.array([action]), [words])
        return self._notes.observations()[0], reward, terminated, truncated, info


class VectorScriptLines(
    VectorWrapper[Floats, Integers, tuple[str, ...], Sequence[str], NDArray[Any]]
):
    """:class:`ScriptLines` of many calls at once: wrap what ``gymnasium.make_vec`` makes.

    Actions have shape (num_envs,), observations (num_envs, width). Under ``SameStep``,
    ``info["final_obs"]`` holds the last observation of a call that ended.

    Args:
        env: A telemarketing vector environment, in either autoreset mode.

    Raises:
        ConfigurationError: if ``env`` is another environment, or its group has no script.
    """

    def __init__(self, env: VectorEnv[tuple[str, ...], Sequence[str], NDArray[Any]]) -> None:
        """Read the script; the encoder is loaded by the first step."""
        super().__init__(env)
        self._notes = ObservationBuilder(simulator_of(env.unwrapped), env.num_envs)
        self.lines = self._notes.lines
        self.single_action_space = Discrete(len(self.lines))
        self.single_observation_space = self._notes.observation_space
        self.action_space = batch_space(self.single_action_space, env.num_envs)
        self.observation_space = batch_space(self.single_observation_space, env.num_envs)
        self._same_step = env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
        self._going_on = np.zeros(env.num_envs, np.bool_)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> tuple[Floats, Info]:
        """Begin new calls; arguments and errors as for ``TelemarketingVectorEnv.reset``."""
        _, infos = self.env.reset(seed=seed, options=options)  # type: ignore[arg-type]
        mask = (options or {}).get("reset_mask", np.ones(self.num_envs, np.bool_))
        self._notes.begin(mask)
        self._going_on |= mask
        if (
            not self._same_step
        ):  # a call whose reset failed is over already, where errors are masked
            self._going_on &= ~infos.get("_error", np.zeros(self.num_envs, np.bool_))
        return self._notes.observations(), infos

    def step(
        self, actions: Integers
    ) -> tuple[Floats, NDArray[Any], NDArray[Any], NDArray[Any], Info]:
        """Say a line in every call and hear every answer.

        Errors as for :meth:`ScriptLines.step`.
        """
        actions = np.asarray(actions)
        if not self.action_space.contains(actions):
            raise ConfigurationError(
                f"The actions must be {self.num_envs} lines' numbers, 0 to {len(self.lines) - 1}, got {actions!r}."
            )
        heard, rewards, terminated, truncated, infos = self.env.step(
            [self.lines[action].text for action in actions]
        )
        ended, words = terminated | truncated, list(heard)
        if self._same_step:
            for row in np.flatnonzero(ended):
                words[row] = infos["final_obs"][row]
        self._notes.add(self._going_on, actions, words)
        observations = self._notes.observations()
        if not self._same_step:
            self._going_on &= ~ended
        elif ended.any():
            last = np.full(self.num_envs, None, dtype=object)
            for row in np.flatnonzero(ended):
                last[row] = observations[row].copy()
            infos["final_obs"] = last
            self._notes.begin(ended)
            observations = self._notes.observations()
        return observations, rewards, terminated, truncated, infos


def simulator_of(env: object) -> Simulator:
    """Return what simulates the customers of a telemarketing environment.

    Raises:
        ConfigurationError: if it is another environment.
    """
    if not isinstance(env, TelemarketingEnv | TelemarketingVectorEnv):
        raise ConfigurationError(
            f"Lines of a script can be said to a customer on the phone only: GroupedSim-Telemarketing, got {env!r}."
        )
    return env.simulator
