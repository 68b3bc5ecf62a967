"""How well the ``chain`` Manager reads salespeople it has not seen.

Calls left out in five folds.
"""

from dataclasses import replace

import numpy as np
import pytest

from gsim_env.models.registry import build_encoder
from gsim_env.simulation.sales_classifier import SalesMoveClassifier
from gsim_env.simulation.utterance import parse_utterance

pytestmark = pytest.mark.slow


def test_precision_and_recall_of_answers_on_held_out_calls(group, record_property):
    encoder, found, mistaken, stages = build_encoder("minilm"), [], [], []
    for fold in range(5):
        reader = SalesMoveClassifier(
            replace(group, calls=tuple(c for i, c in enumerate(group.calls) if i % 5 != fold)),
            encoder,
        )
        for call in group.calls[fold::5]:
            stated = None
            for turn in call.turns:
                if turn.role == "customer":
                    stated = turn.concern or stated
                    continue
                heard = parse_utterance(turn.text)
                move = reader.read(heard, encoder.encode(reader.texts(heard)), [])
                stages.append(move.stage == turn.stage)
                if stated is not None:
                    (found if turn.concern == stated else mistaken).append(stated in move.answers)
    record_property("stage accuracy", float(np.mean(stages)))
    record_property("answers found", float(np.mean(found)))
    record_property("others taken for an answer", float(np.mean(mistaken)))
    assert np.mean(stages) > 0.55
    assert np.mean(found) > 0.6
    assert np.mean(mistaken) < 0.25
