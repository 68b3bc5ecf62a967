"""Scores of the stage annotator against reference labels and a TF-IDF baseline."""

import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline

from gsim_env.corpus.annotation import WORDS, StageClassifier
from gsim_env.corpus.mapping import FieldMapping
from gsim_env.corpus.windows import Segment, segments_of
from gsim_env.groups import Group
from gsim_env.groups.bundle import read_recorded_calls
from tests.data import P4G

__all__ = ["FOLDS", "ROLES", "SEED", "cross_validated", "phrases", "sentences", "written"]

FOLDS, SEED = 5, 0
ROLES = ("customer", "sales")

Sequences = Sequence[Sequence[Segment]]


def sentences() -> list[list[Segment]]:
    """Return PersuasionForGood's annotated dialogues, each sentence with its mapped stage.

    A turn without sentences counts as one.
    """
    mapping = FieldMapping.load("p4g")
    rows = map(json.loads, P4G.read_text(encoding="utf-8").splitlines())
    dialogues = []
    for row in rows:
        if not row["meta"]["annotated"]:
            continue
        segments = []
        for turn in row["turns"]:
            for unit in turn.get("units") or [{"text": turn["text"], "act": ""}]:
                stage = mapping.stage_of(turn["role"], [unit["act"]])
                segments.append(Segment(turn["role"], unit["text"], stage))
        dialogues.append(segments)
    return dialogues


def phrases(group: Group) -> dict[str, list[tuple[str, str]]]:
    """Return the taxonomy's example phrases with their stages, by role."""
    return {role: group.taxonomy.phrases(role) for role in ROLES}


def labeled(sequences: Sequences, role: str) -> list[Segment]:
    """Return the segments of a role that have a reference label, in order."""
    segments = chain.from_iterable(sequences)
    return [segment for segment in segments if segment.role == role and segment.stage is not None]


def tf_idf_stages(train: Sequences, test: Sequences, role: str) -> list[str]:
    """Return the stages predicted from the sentence alone (TF-IDF, logistic regression)."""
    pipeline = make_pipeline(
        TfidfVectorizer(**WORDS, min_df=2),
        LogisticRegression(class_weight="balanced", max_iter=1000),
    )
    known = labeled(train, role)
    pipeline.fit([segment.text for segment in known], [segment.stage for segment in known])
    return pipeline.predict([segment.text for segment in labeled(test, role)]).tolist()


def annotator_stages(
    train: Sequences, test: Sequences, encoder: Any, examples: Mapping[str, Any]
) -> dict[str, list[str]]:
    """Return the annotator's stages of the labeled test segments, in order, by role."""
    predicted = StageClassifier(encoder).fit_segments(train, examples).predict(test)
    pairs = list(
        zip(chain.from_iterable(test), chain.from_iterable(predicted), strict=True),
    )
    return {
        role: [
            stage for segment, stage in pairs if segment.role == role and segment.stage is not None
        ]
        for role in ROLES
    }


def scores(truth: Sequence[list[str]], predicted: Sequence[list[str]]) -> dict[str, Any]:
    """Return accuracy and macro F1 (per fold, and pooled over all folds)."""
    folds = [f1_score(t, p, average="macro") for t, p in zip(truth, predicted, strict=True)]

    all_truth = list(chain.from_iterable(truth))
    all_predicted = list(chain.from_iterable(predicted))
    names = sorted(set(all_truth))
    by_stage = f1_score(all_truth, all_predicted, average=None, labels=names)
    pooled = f1_score(all_truth, all_predicted, average="macro")

    return {
        "macro_f1": round(float(np.mean(folds)), 4),
        "macro_f1_std": round(float(np.std(folds)), 4),
        "macro_f1_pooled": round(float(pooled), 4),
        "accuracy": round(float(accuracy_score(all_truth, all_predicted)), 4),
        "segments": len(all_truth),
        "f1": {name: round(float(value), 3) for name, value in zip(names, by_stage, strict=True)},
    }


def cross_validated(
    dialogues: Sequences, encoder: Any, group: Group, folds: int = FOLDS
) -> dict[str, dict[str, Any]]:
    """Return the annotators' scores by role on the first ``folds`` of five folds by dialogue.

    ``ours_labels_only`` learns from labels alone; ``ours`` also from the template's phrases, as a
    build does. Whoever wrote the phrases had read some of these dialogues.
    """
    order = list(range(len(dialogues)))
    random.Random(SEED).shuffle(order)
    truth: dict[str, list[list[str]]] = {role: [] for role in ROLES}
    predicted: dict[str, dict[str, list[list[str]]]] = {role: defaultdict(list) for role in ROLES}

    for fold in range(folds):
        held_out = set(order[fold::FOLDS])
        train = [dialogue for i, dialogue in enumerate(dialogues) if i not in held_out]
        test = [dialogue for i, dialogue in enumerate(dialogues) if i in held_out]

        for name, examples in (("ours", phrases(group)), ("ours_labels_only", {})):
            for role, stages in annotator_stages(train, test, encoder, examples).items():
                predicted[role][name].append(stages)

        for role in ROLES:
            truth[role].append([segment.stage for segment in labeled(test, role)])
            predicted[role]["tf_idf"].append(tf_idf_stages(train, test, role))

    return {
        role: {name: scores(truth[role], stages) for name, stages in by_annotator.items()}
        for role, by_annotator in predicted.items()
    }


def written(group: Group, encoder: Any) -> dict[str, dict[str, Any]]:
    """Return the annotator's scores by role on a group's held-out calls."""
    held_out = [segments_of(call) for call in read_recorded_calls(group.path / "held_out.jsonl")]
    train = [segments_of(call) for call in group.calls]
    predicted = annotator_stages(train, held_out, encoder, phrases(group))

    return {
        role: scores([[segment.stage for segment in labeled(held_out, role)]], [stages])
        for role, stages in predicted.items()
    }
