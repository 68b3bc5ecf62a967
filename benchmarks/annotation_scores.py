"""Scores of the stage annotator on PersuasionForGood (five folds) and on the built-in group.

python -m benchmarks.annotation_scores > results/annotation.json
"""

import json

import sklearn

import gsim_env
from gsim_env.groups import Group
from gsim_env.groups.bundle import load_group, resolve_template_folder
from gsim_env.models.encoders import CachedEncoder
from gsim_env.models.registry import build_encoder
from gsim_env.util.files import sha256_file
from tests.data import P4G
from tests.helpers.stage_scores import SEED, cross_validated, sentences, written


def main() -> None:
    """Print the scores as JSON."""
    encoder = CachedEncoder(build_encoder("minilm"), limit=None)
    charity = Group.load_template(resolve_template_folder("charity"))
    food_delivery = load_group("food_delivery")

    report = {
        "command": "python -m benchmarks.annotation_scores",
        "gsim_env": gsim_env.__version__,
        "scikit_learn": sklearn.__version__,
        "encoder": encoder.name,
        "seed": SEED,
        "p4g_sha256": sha256_file(P4G),
        "charity_sha256": charity.digest,
        "food_delivery_sha256": food_delivery.digest,
        "p4g_sentences_five_folds_by_dialogue": cross_validated(sentences(), encoder, charity),
        "food_delivery_held_out_turns": written(food_delivery, encoder),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
