"""verl replay buffer that logs metrics of the sampled calls (``gsim/*``)."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import transfer_queue as tq
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

from gsim_env.errors import SimulatorError

__all__ = ["MetricsReplayBuffer", "batch_call_metrics"]


class MetricsReplayBuffer(ReplayBuffer):
    """verl replay buffer that adds :func:`batch_call_metrics` to a training batch's metrics.

    Selected by ``trainer.v1.sampler.custom_sampler``; ``sampler_kwargs.rollout_n`` is
    ``actor_rollout_ref.rollout.n``. Samples that failed for infrastructure reasons (the agent loop
    returned nothing, or the reward function raised) are not in the batch.
    """

    def sample(
        self, global_steps: int, partition_id: str, batch_size: int
    ) -> tuple[Any, dict[str, Any]]:
        """Sample a batch as verl does, and add the metrics of its calls.

        Raises:
            SimulatorError: if every sample of the batch failed.
        """
        batch, metrics = super().sample(global_steps, partition_id, batch_size)
        if not batch.keys:
            raise SimulatorError(
                f"All calls of a batch failed ({batch_size} rows of {partition_id!r}). The agent "
                "loop's warnings name the cause. Fix it, then run the same command again: training "
                "resumes from the last checkpoint."
            )
        if partition_id != "train":
            return batch, metrics

        fields = ["extra_fields", "metrics"]
        columns = tq.kv_batch_get(keys=batch.keys, partition_id=partition_id, select_fields=fields)
        extra_fields, timings = (columns.pop(field).tolist() for field in fields)
        expected = batch_size * int(self.sampler_kwargs["rollout_n"])
        return batch, {**metrics, **batch_call_metrics(batch.keys, extra_fields, timings, expected)}


def batch_call_metrics(
    keys: Sequence[str],
    extra_fields: Sequence[Mapping[str, Any]],
    timings: Sequence[Mapping[str, float]],
    expected: int,
) -> dict[str, float]:
    """Return failure share, mean rewards, outcomes and times of the calls of a batch.

    Args:
        keys: ``{uid}_{session}_{index}`` of each sequence, in any order; a session is one sample.
        extra_fields: Extra fields of each sequence; the last of a session has the reward's.
        timings: verl's timings of each sequence, in seconds.
        expected: Number of samples requested.

    Returns:
        ``gsim/masked_fraction``: share of the requested samples that failed, in [0, 1].
        ``gsim/reward/<term>/mean``: mean of each term that the reward function returned.
        ``gsim/outcome/<outcome>``: share of the calls that ended so.
        ``gsim/env_seconds/max``, ``gsim/reward_seconds/max``: longest time that a sample spent in
        the simulator and in the reward function.
    """
    last_rows = _last_row_of_each_session(keys)
    fields = [extra_fields[row] for row in last_rows]
    reward_seconds = [float(timings[row].get("compute_score", 0.0)) for row in last_rows]
    env_seconds = [float(field.get("env_seconds", 0.0)) for field in fields]

    terms: dict[str, list[float]] = defaultdict(list)
    for field in fields:
        for term, value in field.get("reward_extra_info", {}).items():
            terms[term].append(float(value))
    rewards = {f"gsim/reward/{term}/mean": float(np.mean(terms[term])) for term in terms}

    outcomes = Counter(field["outcome"] for field in fields if "outcome" in field)
    shares = {f"gsim/outcome/{name}": outcomes[name] / len(fields) for name in sorted(outcomes)}

    return {
        "gsim/masked_fraction": 1.0 - len(last_rows) / expected,
        **rewards,
        **shares,
        "gsim/env_seconds/max": max(env_seconds, default=0.0),
        "gsim/reward_seconds/max": max(reward_seconds, default=0.0),
    }


def _last_row_of_each_session(keys: Sequence[str]) -> list[int]:
    """Return, for each session (sample), the index in ``keys`` of its last sequence."""

    def index_in_session(row: int) -> int:
        return int(keys[row].rsplit("_", 1)[1])

    rows = sorted(range(len(keys)), key=index_in_session)
    return list({keys[row].rsplit("_", 1)[0]: row for row in rows}.values())
