"""Accuracy of stage annotation: PersuasionForGood (five folds, with TF-IDF) and the written group.

python -m tests.corpus.annotation_scores > results/annotation.json
"""

import hashlib
import json
import random
from collections import defaultdict
from itertools import chain

import numpy as np
import sklearn
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline

import gsim_env
from gsim_env.corpus.annotation import WORDS, StageClassifier
from gsim_env.corpus.mapping import FieldMapping
from gsim_env.corpus.windows import Segment, segments_of
from gsim_env.groups import Group
from gsim_env.groups.bundle import find_template, load_group, read_calls
from gsim_env.models.encoders import CachedEncoder
from gsim_env.models.registry import build_encoder
from tests.data import P4G

FOLDS, SEED = 5, 0
ROLES = ("customer", "sales")


def sentences() -> list[list[Segment]]:
    """Return the annotated dialogues, each sentence with its stage by the p4g mapping.

    A turn without sentences is one sentence.
    """
    mapping = FieldMapping.load("p4g")
    dialogues = []
    for line in P4G.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if not row["meta"]["annotated"]:
            continue

        segments = []
        for turn in row["turns"]:
            role = turn["role"]
            for unit in turn.get("units") or [{"text": turn["text"], "act": ""}]:
                stage = mapping.stage_of(role, [unit["act"]])
                segments.append(Segment(role, unit["text"], stage))
        dialogues.append(segments)
    return dialogues


def phrases(group: Group) -> dict[str, list[tuple[str, str]]]:
    return {role: group.taxonomy.phrases(role) for role in ROLES}


def labeled(sequences, role):
    segments = chain.from_iterable(sequences)
    return [segment for segment in segments if segment.role == role and segment.stage is not None]


def baseline(train, test, role) -> list[str]:
    """Return the stages predicted from the sentence alone: TF-IDF and logistic regression."""
    machine = make_pipeline(
        TfidfVectorizer(**WORDS, min_df=2),
        LogisticRegression(class_weight="balanced", max_iter=1000),
    )
    known = labeled(train, role)
    machine.fit([one.text for one in known], [one.stage for one in known])
    return machine.predict([one.text for one in labeled(test, role)]).tolist()


def ours(train, test, encoder, examples) -> dict[str, list[str]]:
    """Return the predicted stages of each role's labeled segments, in order."""
    predicted = StageClassifier(encoder).fit_segments(train, examples).predict(test)
    stages = {role: [] for role in ROLES}
    for segment, stage in zip(
        chain.from_iterable(test), chain.from_iterable(predicted), strict=True
    ):
        if segment.stage is not None:
            stages[segment.role].append(stage)
    return stages


def scores(truth: list[list[str]], found: list[list[str]]) -> dict[str, object]:
    """Return the figures of folds: macro-F1 of each, and of all together."""
    folds = [f1_score(t, f, average="macro") for t, f in zip(truth, found, strict=True)]
    all_truth, all_found = list(chain(*truth)), list(chain(*found))
    names = sorted(set(all_truth))
    each = f1_score(all_truth, all_found, average=None, labels=names)
    return {
        "macro_f1": round(float(np.mean(folds)), 4),
        "macro_f1_std": round(float(np.std(folds)), 4),
        "macro_f1_pooled": round(float(f1_score(all_truth, all_found, average="macro")), 4),
        "accuracy": round(float(accuracy_score(all_truth, all_found)), 4),
        "segments": len(all_truth),
        "f1": {name: round(float(value), 3) for name, value in zip(names, each, strict=True)},
    }


def cross_validated(dialogues, encoder, group, folds=FOLDS) -> dict[str, dict[str, object]]:
    """Return the figures of the annotators for each role on the first ``folds`` of five folds by
    dialogue.

    Ours learns from the labels alone (``ours_labels_only``), and from the template's phrases
    besides (``ours``), as in a build; whoever wrote the phrases had read some of these dialogues.
    """
    order = list(range(len(dialogues)))
    random.Random(SEED).shuffle(order)
    truth, found = {role: [] for role in ROLES}, {role: defaultdict(list) for role in ROLES}

    for fold in range(folds):
        held = set(order[fold::FOLDS])
        train = [one for index, one in enumerate(dialogues) if index not in held]
        test = [one for index, one in enumerate(dialogues) if index in held]
        for name, examples in (("ours", phrases(group)), ("ours_labels_only", {})):
            for role, stages in ours(train, test, encoder, examples).items():
                found[role][name].append(stages)
        for role in ROLES:
            truth[role].append([one.stage for one in labeled(test, role)])
            found[role]["tf_idf"].append(baseline(train, test, role))
    return {
        role: {name: scores(truth[role], stages) for name, stages in figures.items()}
        for role, figures in found.items()
    }


def written(group: Group, encoder) -> dict[str, dict[str, object]]:
    """Return the figures of each role on the written group's held-out calls."""
    held = [segments_of(call) for call in read_calls(group.path / "held_out.jsonl")]
    train = [segments_of(call) for call in group.calls]
    found = ours(train, held, encoder, phrases(group))
    return {
        role: scores([[one.stage for one in labeled(held, role)]], [stages])
        for role, stages in found.items()
    }


def main() -> None:
    """Print the figures as JSON."""
    encoder, dialogues = CachedEncoder(build_encoder("minilm"), limit=None), sentences()
    charity, food = Group.load_template(find_template("charity")), load_group("food_delivery")
    figures = {
        "command": "python -m tests.corpus.annotation_scores",
        "gsim_env": gsim_env.__version__,
        "scikit_learn": sklearn.__version__,
        "encoder": encoder.name,
        "seed": SEED,
        "p4g_sha256": hashlib.sha256(P4G.read_bytes()).hexdigest(),
        "charity_sha256": charity.digest,
        "food_delivery_sha256": food.digest,
        "p4g_sentences_five_folds_by_dialogue": cross_validated(dialogues, encoder, charity),
        "food_delivery_held_out_turns": written(food, encoder),
    }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
