"""The salesperson's rewards: ``outcome``, and ``shaped`` with potential-based shaping."""

from gsim_env.dialogue import Outcome
from gsim_env.errors import ConfigurationError, unknown_name_error
from gsim_env.simulation.conversation import CustomerTurn

__all__ = ["REWARDS", "StepReward", "outcome_reward"]

REWARDS = ("outcome", "shaped")


def outcome_reward(outcome: Outcome | None) -> float:
    """Return the outcome reward of a call: 1.0 if the customer accepted, else 0.0."""
    return 1.0 if outcome is Outcome.ACCEPTED else 0.0


class StepReward:
    """The salesperson's reward of one environment step, as named terms that sum to it.

    ``outcome``: 1 for an accepted call, else 0. ``shaped`` adds gamma * Phi(s') - Phi(s), the
    potential-based shaping of Ng, Harada and Russell (1999), which leaves the optimal policy of
    ``outcome`` unchanged. Phi is :meth:`CustomerState.potential`, in [0, 1], and 0 in terminal
    states; a truncated call keeps Phi(s'), because its value is bootstrapped.

    Args:
        name: ``"outcome"`` or ``"shaped"``.
        gamma: The learner's discount factor, in [0, 1]; shaping is neutral only under the same one.

    Raises:
        ConfigurationError: if an argument is not legal.
    """

    def __init__(self, name: str, gamma: float) -> None:
        """Check the arguments."""
        if name not in REWARDS:
            raise unknown_name_error("reward", name, REWARDS)
        if not 0.0 <= gamma <= 1.0:
            raise ConfigurationError(f"gamma must be in [0, 1], got {gamma}.")
        self._shaped = name == "shaped"
        self._gamma = gamma

    def terms(self, before: CustomerTurn, after: CustomerTurn) -> dict[str, float]:
        """Return a step's reward terms ``reward/outcome`` and, if shaped, ``reward/shaping``."""
        terms = {"reward/outcome": outcome_reward(after.outcome)}
        if self._shaped:
            terminal = after.outcome is not None and not after.outcome.truncates
            potential = 0.0 if terminal else after.potential
            terms["reward/shaping"] = self._gamma * potential - before.potential
        return terms
