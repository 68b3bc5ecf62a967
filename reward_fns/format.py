"""The format reward (eq. 10) for verl: how close the answer's length is to the human's."""

from gsim_env.rewards.format import format_reward
from reward_fns.adapter import make_compute_score
from reward_fns.rows import read_turn_to_score

__all__ = ["compute_score"]

compute_score = make_compute_score(read_turn_to_score, format_reward)
