"""verl's replay buffer, which also tells what came of the calls.

The metrics ``gsim/*`` of each training step.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import transfer_queue as tq
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

from gsim_env.errors import SimulatorError

__all__ = ["CallReplayBuffer", "call_metrics"]


class CallReplayBuffer(ReplayBuffer):
    """Select it by ``trainer.v1.sampler.custom_sampler``.

    ``sampler_kwargs.rollout_n`` is ``actor_rollout_ref.rollout.n``.

    A sample that an infrastructure failure hit is not in the batch: its agent loop gave nothing, or
    its reward raised.
    """

    def sample(
        self, global_steps: int, partition_id: str, batch_size: int
    ) -> tuple[Any, dict[str, Any]]:
        """Sample as verl does, and add the metrics.

        Raises:
            SimulatorError: if no sample is left.
        """
        batch, metrics = super().sample(global_steps, partition_id, batch_size)
        if not batch.keys:
            raise SimulatorError(
                f"All calls of a batch ({batch_size} rows, {partition_id}) failed. The agent loop's warnings say why; see to "
                "the server that they name, and start again: training goes on from the last checkpoint."
            )
        expected = batch_size * int(self.sampler_kwargs["rollout_n"])
        if partition_id == "train":
            found = tq.kv_batch_get(
                keys=batch.keys,
                partition_id=partition_id,
                select_fields=["extra_fields", "metrics"],
            )
            rows, spent = found.pop("extra_fields").tolist(), found.pop("metrics").tolist()
            metrics = {**metrics, **call_metrics(batch.keys, rows, spent, expected)}
        return batch, metrics


def call_metrics(
    keys: Sequence[str],
    extra_fields: Sequence[Mapping[str, Any]],
    spent: Sequence[Mapping[str, float]],
    expected: int,
) -> dict[str, float]:
    """Return the metrics of a batch.

    Args:
        keys: Of each sequence, ``{uid}_{session}_{index}``; a session is a sample.
        extra_fields: Of each sequence; the last of a session has its reward.
        spent: verl's metrics of each sequence, in seconds.
        expected: How many samples were asked for.

    Returns:
        ``gsim/masked_fraction`` in [0, 1]; ``gsim/reward/<term>/mean`` for what the reward function
        returned; ``gsim/outcome/<outcome>`` as shares; ``gsim/env_seconds/max`` and
        ``gsim/reward_seconds/max``, the most that one sample waited for the simulator and for its
        reward.
    """
    in_turn = sorted(
        range(len(keys)), key=lambda row: int(keys[row].rsplit("_", 1)[1])
    )  # a batch is in any order
    last = {keys[row].rsplit("_", 1)[0]: row for row in in_turn}
    fields = [extra_fields[row] for row in last.values()]
    judging = [float(spent[row].get("compute_score", 0.0)) for row in last.values()]
    terms: dict[str, list[float]] = {}
    for own in fields:
        for term, value in own.get("reward_extra_info", {}).items():
            terms.setdefault(term, []).append(float(value))
    outcomes = Counter(own["outcome"] for own in fields if "outcome" in own)
    return {
        "gsim/masked_fraction": 1.0 - len(last) / expected,
        **{f"gsim/reward/{term}/mean": float(np.mean(values)) for term, values in terms.items()},
        **{
            f"gsim/outcome/{outcome}": count / len(fields)
            for outcome, count in sorted(outcomes.items())
        },
        "gsim/env_seconds/max": max(
            (float(own.get("env_seconds", 0.0)) for own in fields), default=0.0
        ),
        "gsim/reward_seconds/max": max(judging, default=0.0),
    }
