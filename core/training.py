"""One fine-tune, on the Hugging Face Trainer."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from peft import PeftModel
from sklearn.metrics import accuracy_score, f1_score
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import Sampler, SequentialSampler, WeightedRandomSampler
from transformers import (
    DataCollatorWithPadding,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)
from transformers.tokenization_utils_base import PreTrainedTokenizerBase
from transformers.trainer_utils import EvalPrediction

from core.config import RunConfig
from core.data.splits import DataSet, Split
from core.models.adapters import add_adapter, choose_targets, load_adapter, save_adapter
from core.models.backbone import Backbone, device, find_backbone, load_for_classification, load_tokenizer
from core.models.classifier import Fitted
from core.models.neural import NeuralClassifier, truncated_shares
from core.models.precision import frozen_weights_in, training_dtype
from core.progress import Progress

LOGGED_POINTS = 50  # of the training loss, over the whole training

_LOGGED_AS = {
    "loss": "loss",
    "learning_rate": "learning_rate",
    "grad_norm": "gradient_norm",
    "eval_loss": "validation_loss",
    "eval_macro_f1": "validation_macro_f1",
    "eval_accuracy": "validation_accuracy",
}


class AdaptedClassifier(NeuralClassifier):
    """A base model with a PEFT adapter on it."""

    def __init__(self, model: PeftModel, tokenizer: PreTrainedTokenizerBase, backbone: Backbone) -> None:
        super().__init__(model, tokenizer)
        self.backbone = backbone

    def save(self, folder: Path) -> None:
        """Write the adapter, the trained head within it."""
        save_adapter(self.model, folder, self.backbone)


def fine_tune(config: RunConfig, data: DataSet, progress: Progress) -> Fitted:
    """Train the config's adapter; keep the epoch with the best validation macro F1."""
    progress.entered("model")
    set_seed(config.seed)  # the head is drawn when the model is made
    backbone = find_backbone(config)
    tokenizer = load_tokenizer(backbone, config.max_length)
    base, new_modules = load_for_classification(backbone, tokenizer, data.labels)
    targets, reason = choose_targets(base, config)
    progress.noted(f"Adapting {targets if isinstance(targets, str) else ', '.join(targets)}: {reason}.")
    model = add_adapter(base, config, new_modules)
    trainable, total = model.get_nb_trainable_parameters()

    progress.entered("training")
    dtype = training_dtype(config.dtype, device())
    with tempfile.TemporaryDirectory(prefix="adapter-bench-") as folder, frozen_weights_in(model, dtype):
        trainer = _trainer(config, model, tokenizer, data, folder, _Reporter(progress))
        start = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - start
    return Fitted(
        AdaptedClassifier(model, tokenizer, backbone),
        trainable_parameters=trainable,
        total_parameters=total,
        model=backbone.name,
        model_revision=backbone.revision,
        train_seconds=seconds,
        train_examples_per_second=config.epochs * len(data.train) / seconds,
        best_epoch=_best_epoch(trainer),
        environment={
            "device": device(),
            "training_dtype": str(dtype).removeprefix("torch."),
            "target_modules": targets,
            "target_modules_reason": reason,
            "new_modules": list(new_modules),
            "truncated": truncated_shares(tokenizer, data.splits),
        },
    )


def load_adapted(config: RunConfig, labels: Sequence[str], folder: Path) -> AdaptedClassifier:
    """Load a saved adapter on a fresh base."""
    backbone = find_backbone(config)
    tokenizer = load_tokenizer(backbone, config.max_length)
    base, _ = load_for_classification(backbone, tokenizer, labels)
    return AdaptedClassifier(load_adapter(base, folder), tokenizer, backbone)


class _Trainer(Trainer):
    """The Trainer with rows in their order in evaluation, and with a chosen order in training."""

    def __init__(self, *, train_sampler: Sampler[int] | None, **options: Any) -> None:
        super().__init__(**options)
        self._train_sampler = train_sampler

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return self._train_sampler or super()._get_train_sampler(train_dataset)

    def _get_eval_sampler(self, eval_dataset: Any) -> SequentialSampler:
        return SequentialSampler(eval_dataset)  # grouping by length would reorder evaluation too


class ClassificationLoss:
    """Cross entropy that is normalised once for the whole step.

    A step's examples may be computed in pieces: each piece is divided by the number of examples in
    all of them, so that four pieces give the step that one gives. ``weights``: [k], one a class.
    """

    def __init__(self, weights: Tensor | None) -> None:
        self.weights = weights

    def __call__(self, outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None = None) -> Tensor:
        """Return the loss of a piece of a step; of an evaluated batch (no number given) the plain mean."""
        logits = outputs["logits"].float()
        if num_items_in_batch is None:
            return cross_entropy(logits, labels)
        weights = None if self.weights is None else self.weights.to(logits.device)
        return cross_entropy(logits, labels, weight=weights, reduction="sum") / num_items_in_batch


def balanced_weights(codes: NDArray[np.int64], classes: int) -> Tensor:
    """Return each class's weight n / (k · count), [k]: on average 1 over the n training examples."""
    counts = np.bincount(codes, minlength=classes)
    return torch.tensor(len(codes) / (classes * counts), dtype=torch.float32)


def balanced_sampler(codes: NDArray[np.int64], classes: int, seed: int) -> WeightedRandomSampler:
    """Return a sampler that draws as many examples as there are, each class equally often, with replacement."""
    weights = balanced_weights(codes, classes)[torch.from_numpy(codes)]
    return WeightedRandomSampler(weights.tolist(), len(codes), generator=torch.Generator().manual_seed(seed))


class _Reporter(TrainerCallback):
    """Passes the Trainer's news on."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        values = {_LOGGED_AS[name]: float(value) for name, value in (logs or {}).items() if name in _LOGGED_AS}
        if values:
            self.progress.logged(state.global_step, float(state.epoch or 0), values)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.progress.stepped(state.global_step, state.max_steps, float(state.epoch or 0))


def _trainer(
    config: RunConfig,
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    data: DataSet,
    folder: str,
    reporter: _Reporter,
) -> Trainer:
    codes, classes = data.train.labels, len(data.labels)
    weights = balanced_weights(codes, classes) if config.class_weights == "balanced" else None
    trainer = _Trainer(
        train_sampler=balanced_sampler(codes, classes, config.seed) if config.sampler == "balanced" else None,
        compute_loss_func=ClassificationLoss(weights),
        model=model,
        args=_arguments(config, len(data.train), folder),
        train_dataset=_tokenized(data.train, tokenizer),
        eval_dataset=_tokenized(data.validation, tokenizer),
        processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=_scores,
        callbacks=[reporter],
    )
    trainer.remove_callback(PrinterCallback)  # core prints nothing
    return trainer


def _arguments(config: RunConfig, examples: int, folder: str) -> TrainingArguments:
    steps = config.epochs * -(-examples // config.batch_size)
    return TrainingArguments(
        output_dir=folder,
        num_train_epochs=config.epochs,
        per_device_train_batch_size=config.batch_size // config.gradient_accumulation,
        gradient_accumulation_steps=config.gradient_accumulation,
        per_device_eval_batch_size=config.batch_size,
        learning_rate=config.lr,
        warmup_steps=config.warmup,
        weight_decay=config.weight_decay,
        lr_scheduler_type="linear",
        train_sampling_strategy="group_by_length",
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=1,
        save_only_model=True,
        load_best_model_at_end=True,
        metric_for_best_model="macro_f1",
        greater_is_better=True,
        logging_steps=max(1, steps // LOGGED_POINTS),
        seed=config.seed,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
    )


def _tokenized(split: Split, tokenizer: PreTrainedTokenizerBase) -> Dataset:
    encoded = tokenizer(list(split.texts), truncation=True, max_length=tokenizer.model_max_length)
    return Dataset.from_dict({**encoded, "labels": split.labels})


def _scores(prediction: EvalPrediction) -> dict[str, float]:
    predicted = np.asarray(prediction.predictions).argmax(axis=1)
    return {
        "accuracy": float(accuracy_score(prediction.label_ids, predicted)),
        "macro_f1": float(f1_score(prediction.label_ids, predicted, average="macro")),
    }


def _best_epoch(trainer: Trainer) -> float:
    """Return the epoch with the best validation macro F1, the first of equals: the one that the Trainer kept."""
    epochs = [entry for entry in trainer.state.log_history if "eval_macro_f1" in entry]
    return float(max(epochs, key=lambda entry: entry["eval_macro_f1"])["epoch"])
