"""Typical fine-tuning scripts with transformers and peft, which `benchmarks.training` compares this project with."""

import tempfile
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from peft import LoraConfig, TaskType, get_peft_model
from sklearn.metrics import f1_score
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_utils import EvalPrediction

from core.config import RunConfig
from core.data.splits import Split
from core.runs.job import Job


@dataclass
class TrainedScript:
    """A trained script: the seconds of training, validation included, and ``curve``: (seconds, macro F1) of each."""

    trainer: Trainer
    tokenizer: Any
    seconds: float
    curve: list[tuple[float, float]] = field(default_factory=list)


class _Curve(TrainerCallback):
    """Collect the macro F1 of each validation with its time."""

    def __init__(self) -> None:
        self.points: list[tuple[float, float]] = []

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any) -> None:
        self.points.append((time.perf_counter(), metrics["eval_macro_f1"]))


def train_script(job: Job, targets: list[str], *, pads_to_maximum: bool = False, steps: int = -1) -> TrainedScript:
    """Train LoRA on a job's data in float32; ``steps``: stop after so many, -1 for all epochs."""
    config = job.config
    assert job.backbone is not None and config.lr is not None
    set_seed(config.seed)
    tokenizer = AutoTokenizer.from_pretrained(job.backbone.path)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model = AutoModelForSequenceClassification.from_pretrained(job.backbone.path, num_labels=len(job.data.labels))
    model.config.pad_token_id = tokenizer.pad_token_id
    lora = LoraConfig(
        task_type=TaskType.SEQ_CLS, r=config.r, lora_alpha=config.alpha, lora_dropout=0.0, target_modules=targets
    )
    curve = _Curve()
    with tempfile.TemporaryDirectory(prefix="adapter-bench-") as folder:
        trainer = Trainer(
            model=get_peft_model(model, lora),
            args=_arguments(config, folder, steps),
            train_dataset=tokenize_rows(tokenizer, job.data.train, config, pads_to_maximum),
            eval_dataset=tokenize_rows(tokenizer, job.data.validation, config, pads_to_maximum),
            data_collator=DataCollatorWithPadding(tokenizer),
            compute_metrics=_compute_metrics,
            callbacks=[curve],
        )
        trainer.remove_callback(PrinterCallback)
        start = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - start
    return TrainedScript(trainer, tokenizer, seconds, [(at - start, score) for at, score in curve.points])


def tokenize_rows(tokenizer: Any, split: Split, config: RunConfig, pads_to_maximum: bool = False) -> Dataset:
    """Tokenize a split, each text padded to the maximum length if ``pads_to_maximum``."""
    length = int(config.max_length)
    padding = "max_length" if pads_to_maximum else False
    return Dataset.from_dict(
        {**tokenizer(list(split.texts), truncation=True, max_length=length, padding=padding), "labels": split.labels}
    )


def predict_script(script: TrainedScript, split: Split, config: RunConfig) -> NDArray[np.int64]:
    """Return the predicted label codes of a split: [n]."""
    logits = script.trainer.predict(tokenize_rows(script.tokenizer, split, config)).predictions
    predicted: NDArray[np.int64] = np.asarray(logits).argmax(axis=1)
    return predicted


def _arguments(config: RunConfig, folder: str, steps: int) -> TrainingArguments:
    return TrainingArguments(
        output_dir=folder,
        num_train_epochs=config.epochs,
        max_steps=steps,
        learning_rate=config.lr,
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=config.batch_size,
        warmup_steps=config.warmup,
        weight_decay=config.weight_decay,
        eval_strategy="no" if steps > 0 else "epoch",
        save_strategy="no",
        seed=config.seed,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )


def _compute_metrics(prediction: EvalPrediction) -> dict[str, float]:
    predicted = np.asarray(prediction.predictions).argmax(axis=1)
    return {"macro_f1": float(f1_score(prediction.label_ids, predicted, average="macro"))}
