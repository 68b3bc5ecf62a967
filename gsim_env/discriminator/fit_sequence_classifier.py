"""Trains a causal language model with a linear head on the last token (appendix B.2), by transformers' Trainer."""

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
)
from transformers.trainer_utils import get_last_checkpoint

from gsim_env.discriminator.fit_embedding import fit_temperature
from gsim_env.discriminator.pairs import Pair, held_out, laid_out
from gsim_env.discriminator.settings import SequenceClassification
from gsim_env.errors import CorpusError
from gsim_env.rewards.sequence_classifier import (
    WEIGHTS,
    ClassifierConfig,
    SequenceClassifier,
    as_text,
    limits,
)

__all__ = ["fit"]

VALIDATION = 0.1
"""Share of the training dialogues on whose loss training stops, and on which the temperature is found."""


def fit(
    pairs: Sequence[Pair], settings: SequenceClassification, out: Path, seed: int
) -> SequenceClassifier:
    """Train on pairs by binary cross-entropy (eq. 12) and write the model to ``out``.

    Training that was cut off goes on from its last checkpoint; with other pairs or settings it
    begins anew.

    Raises:
        CorpusError: if no dialogue is left to validate on.
    """
    tokenizer = AutoTokenizer.from_pretrained(
        settings.model, truncation_side="left", padding_side="right"
    )
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    learnt, validation = (
        [pair for pair in pairs if held_out(pair.call_id, VALIDATION, "validation") is out]
        for out in (False, True)
    )
    if not learnt or not validation:
        raise CorpusError(
            f"Of {len(pairs)} pairs to learn from {len(validation)} are to validate on. Ask for more dialogues."
        )
    steps = max(1, 2 * len(learnt) // (settings.batch_size * settings.evaluations))
    asked = hashlib.sha256(f"{settings!r} {seed} {pairs!r}".encode()).hexdigest()[:12]
    checkpoints = out / "checkpoints" / asked
    arguments = TrainingArguments(
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
    torch.manual_seed(
        seed
    )  # the trainer seeds its own draws; the new head is drawn before it is there
    trainer = Trainer(
        model=untrained(settings, tokenizer),
        args=arguments,
        train_dataset=rows(learnt, tokenizer, settings.max_length),
        eval_dataset=rows(validation, tokenizer, settings.max_length),
        data_collator=DataCollatorWithPadding(tokenizer),
        callbacks=[EarlyStoppingCallback(early_stopping_patience=settings.patience)],
    )
    trainer.train(
        resume_from_checkpoint=get_last_checkpoint(checkpoints) if checkpoints.is_dir() else None
    )
    trainer.save_model(str(out / WEIGHTS))
    tokenizer.save_pretrained(out / WEIGHTS)
    name = f"sequence_classification({Path(settings.model).name})"
    config = ClassifierConfig(
        name=name,
        base=settings.model if settings.lora_rank else None,
        max_length=settings.max_length,
    )
    turns, real, _ = laid_out(validation)
    logits = SequenceClassifier(out, config).logits(turns)
    model = SequenceClassifier(
        out, config.model_copy(update={"temperature": fit_temperature(logits, real)})
    )
    model.save_config()
    return model


def untrained(settings: SequenceClassification, tokenizer: Any) -> Any:
    """Return the model with its new head.

    One logit, and the loss of eq. 12 (``multi_label`` is what transformers calls it).
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


def rows(pairs: Sequence[Pair], tokenizer: Any, max_length: int) -> list[dict[str, Any]]:
    """Return both answers of each pair as tokens, with their labels."""
    turns, real, _ = laid_out(pairs)
    return [
        {**tokenizer(as_text(turn), **limits(max_length)), "labels": [float(label)]}
        for turn, label in zip(turns, real, strict=True)
    ]
