"""Training of the sequence-classification backend (appendix B.2) with transformers' Trainer."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, TaskType, get_peft_model
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    EarlyStoppingCallback,
    Trainer,
    TrainingArguments,
    trainer_utils,
)

from gsim_env.discriminator.fit_embedding import fit_calibration_temperature
from gsim_env.discriminator.pairs import (
    AnswerPair,
    labeled_answers_of_pairs,
    split_pairs_by_dialogue,
)
from gsim_env.discriminator.settings import SequenceClassificationSettings
from gsim_env.errors import CorpusError
from gsim_env.rewards.sequence_classifier import (
    WEIGHTS,
    SequenceClassifier,
    SequenceClassifierConfig,
    tokenize_turn,
)

__all__ = ["fit_sequence_classifier"]

VALIDATION_SHARE = 0.1
"""Share of the training dialogues used for early stopping and for the temperature."""


def fit_sequence_classifier(
    pairs: Sequence[AnswerPair], settings: SequenceClassificationSettings, out: Path, seed: int
) -> SequenceClassifier:
    """Fine-tune a language model to tell human from model answers (eq. 12); write it to ``out``.

    The loss is the binary cross-entropy. An interrupted training resumes from its last checkpoint
    if pairs, settings and seed are the same; otherwise it starts from the beginning.

    Raises:
        CorpusError: if no dialogue is left for training or for validation.
    """
    training, validation = split_pairs_by_dialogue(pairs, VALIDATION_SHARE, "validation")
    if not training or not validation:
        raise CorpusError(
            f"Of {len(pairs)} training pairs, {len(validation)} are for validation: both parts "
            "need at least one. Increase negatives.dialogues."
        )

    tokenizer = AutoTokenizer.from_pretrained(
        settings.model, truncation_side="left", padding_side="right"
    )
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token

    # The folder's name identifies the training: other data or settings find no checkpoint.
    run_id = hashlib.sha256(f"{settings!r} {seed} {pairs!r}".encode()).hexdigest()[:12]
    checkpoints = out / "checkpoints" / run_id

    # The trainer seeds itself, but the new head is initialized before it exists.
    torch.manual_seed(seed)
    trainer = Trainer(
        model=_new_classifier(settings, tokenizer),
        args=_training_arguments(settings, checkpoints, len(training), seed),
        train_dataset=_tokenized_answers(training, tokenizer, settings.max_length),
        eval_dataset=_tokenized_answers(validation, tokenizer, settings.max_length),
        data_collator=DataCollatorWithPadding(tokenizer),
        callbacks=[EarlyStoppingCallback(early_stopping_patience=settings.patience)],
    )
    trainer.train(resume_from_checkpoint=_last_checkpoint(checkpoints))
    trainer.save_model(str(out / WEIGHTS))
    tokenizer.save_pretrained(out / WEIGHTS)

    return _write_calibrated_classifier(settings, out, validation)


def _training_arguments(
    settings: SequenceClassificationSettings, checkpoints: Path, pairs: int, seed: int
) -> TrainingArguments:
    """Return the Trainer's arguments; it evaluates ``settings.evaluations`` times per epoch."""
    answers = 2 * pairs
    steps = max(1, answers // (settings.batch_size * settings.evaluations))

    return TrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        warmup_ratio=0.1,
        lr_scheduler_type="cosine",
        bf16=True,
        use_cpu=not torch.cuda.is_available(),
        eval_strategy="steps",
        save_strategy="steps",
        logging_strategy="steps",
        eval_steps=steps,
        save_steps=steps,
        logging_steps=max(1, steps // 10),
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        report_to=[],
        seed=seed,
    )


def _last_checkpoint(folder: Path) -> str | None:
    """Return the last checkpoint in a folder, or ``None`` if there is none."""
    if not folder.is_dir():
        return None
    checkpoint: str | None = trainer_utils.get_last_checkpoint(folder)  # type: ignore[no-untyped-call]
    return checkpoint


def _new_classifier(settings: SequenceClassificationSettings, tokenizer: Any) -> Any:
    """Return the language model with a new head of one logit.

    ``multi_label_classification`` is transformers' name for the binary cross-entropy of eq. 12.
    """
    model = AutoModelForSequenceClassification.from_pretrained(
        settings.model,
        num_labels=1,
        problem_type="multi_label_classification",
        pad_token_id=tokenizer.pad_token_id,
        dtype=torch.float32,
    )
    if settings.lora_rank is None:
        return model

    lora = LoraConfig(
        task_type=TaskType.SEQ_CLS,
        r=settings.lora_rank,
        lora_alpha=2 * settings.lora_rank,
        target_modules="all-linear",
    )
    return get_peft_model(model, lora)


def _tokenized_answers(
    pairs: Sequence[AnswerPair], tokenizer: Any, max_length: int
) -> list[dict[str, Any]]:
    """Return both answers of each pair as tokens, with their labels."""
    turns, real, _ = labeled_answers_of_pairs(pairs)
    return [
        {**tokenize_turn(tokenizer, turn, max_length), "labels": [float(label)]}
        for turn, label in zip(turns, real, strict=True)
    ]


def _write_calibrated_classifier(
    settings: SequenceClassificationSettings, out: Path, validation: Sequence[AnswerPair]
) -> SequenceClassifier:
    """Return the trained model with the temperature that fits the validation pairs; write it."""
    config = SequenceClassifierConfig(
        name=f"sequence_classification({Path(settings.model).name})",
        base=settings.model if settings.lora_rank else None,
        max_length=settings.max_length,
    )
    turns, real, _ = labeled_answers_of_pairs(validation)
    logits = SequenceClassifier(out, config).logits(turns)
    temperature = fit_calibration_temperature(logits, real)

    model = SequenceClassifier(out, config.model_copy(update={"temperature": temperature}))
    model.save_config()
    return model
