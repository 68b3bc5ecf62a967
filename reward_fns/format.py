"""The format reward (eq. 10) for verl: how close the answer's length is to the human's."""

from gsim_env.rewards.format import format_reward
from reward_fns.adapter import verl_score
from reward_fns.rows import read_turn

__all__ = ["compute_score"]

compute_score = verl_score(read_turn, format_reward)
