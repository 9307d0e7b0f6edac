"""One fine-tune: from a config and its data to a fitted classifier, taken up again where it was stopped."""

import tempfile
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.metrics import accuracy_score, f1_score
from torch import Tensor
from transformers import DataCollatorWithPadding, PrinterCallback, TrainingArguments
from transformers.trainer_utils import EvalPrediction

from core.catalog.methods import METHODS
from core.config import RunConfig
from core.data.splits import DataSet
from core.models.backbone import quiet
from core.models.build import TrainableModel, build_trainable, steps, tokenized
from core.models.classifier import Fitted
from core.models.precision import frozen_dtype, frozen_weights_in
from core.runs.progress import Progress
from core.system.environment import release_memory
from core.training.checkpoints import Checkpoint, Checkpoints
from core.training.learning_rates import rates
from core.training.loss import ClassificationLoss
from core.training.oom import is_oom
from core.training.reproducibility import base_fingerprint, machine
from core.training.sampler import Order, balanced, balanced_weights, grouped_by_length
from core.training.trainer import CheckpointCallback, KeepBestEpoch, RankAllocation, Reporter, ResumableTrainer

LOGGED_POINTS = 50  # of the training loss, over the whole training
NO_CHECKPOINTS = Checkpoints(None, 0)


def fine_tune(
    config: RunConfig, data: DataSet, progress: Progress, checkpoints: Checkpoints = NO_CHECKPOINTS
) -> Fitted:
    """Train the config's adapter, or all weights; keep the epoch with the best validation macro F1.

    Goes on from the newest checkpoint where there is one. With ``auto_batch`` memory runs out only
    when a step's examples, computed one by one, don't fit either.
    """
    checkpoints.take_up()
    pieces = max(config.gradient_accumulation, checkpoints.start.values["pieces"] if checkpoints.start else 1)
    while True:
        try:
            return _tuned(config, data, pieces, progress, checkpoints)
        except (RuntimeError, MemoryError) as error:
            finer = _finer(config, pieces)
            if finer is None or not is_oom(error):
                raise
        release_memory()
        pieces = finer
        progress.noted(f"Out of memory: a step's examples are now computed in {pieces} pieces.")
        checkpoints.take_up()


def _finer(config: RunConfig, pieces: int) -> int | None:
    """Return in how many pieces, twice as many at least, a step's examples can be computed; None: not in more."""
    possible = range(2 * pieces, config.batch_size + 1) if config.auto_batch else ()
    return next((n for n in possible if config.batch_size % n == 0), None)


def _dtype(config: RunConfig, checkpoints: Checkpoints) -> torch.dtype:
    """Return the format of the frozen weights: that of the training that goes on, else as asked or measured."""
    start = checkpoints.start
    return getattr(torch, start.values["dtype"]) if start else frozen_dtype(config)


def _tuned(config: RunConfig, data: DataSet, pieces: int, progress: Progress, checkpoints: Checkpoints) -> Fitted:
    progress.entered("model")
    ready = build_trainable(config, data)
    for line in ready.told:
        progress.noted(line)
    trainable, total = ready.parameters

    progress.entered("training")
    dtype = _dtype(config, checkpoints)
    if METHODS[config.method].reallocates_budget:
        progress.noted("This method keeps a memory beside its weights: a run that is stopped begins anew.")
        checkpoints = NO_CHECKPOINTS
    best_epoch, seconds = _train(config, ready, data, dtype, pieces, progress, checkpoints)
    own_pieces = {"gradient_accumulation": pieces} if pieces != config.gradient_accumulation else {}
    return Fitted(
        ready.classifier,
        trainable_parameters=trainable,
        total_parameters=total,
        model=ready.base.backbone.name,
        model_revision=ready.base.backbone.revision,
        base_bytes=ready.base.bytes,
        train_seconds=seconds,
        train_examples_per_second=config.epochs * len(data.train) / seconds,
        best_epoch=best_epoch,
        environment={"training_dtype": _name(dtype), **own_pieces, **ready.environment},
    )


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _train(
    config: RunConfig,
    ready: TrainableModel,
    data: DataSet,
    dtype: torch.dtype,
    pieces: int,
    progress: Progress,
    checkpoints: Checkpoints,
) -> tuple[float, float]:
    """Train, and put the best epoch back; return its number, and how many seconds the training took."""
    with tempfile.TemporaryDirectory(prefix="adapter-bench-") as folder, quiet():
        with frozen_weights_in(ready.classifier.model, dtype):
            arguments = _arguments(config, pieces, len(data.train), folder)
            trainer = _trainer(config, ready, data, arguments, progress, checkpoints)
            trainer.told = {"dtype": _name(dtype), "machine": machine()}
            if checkpoints.folder is not None:
                trainer.told["base"] = base_fingerprint(ready.base.backbone)
            start = checkpoints.start
            progress.begins(after=start.step if start else 0)
            for line in _changed(start):
                progress.noted(line)
            trainer.train(resume_from_checkpoint=str(start.folder) if start else None)
            trainer.best.restore()
        return trainer.best.epoch, trainer.seconds


def _changed(start: Checkpoint | None) -> list[str]:
    """Return a line on what computes otherwise than it did before the training was stopped, where something does."""
    now = machine()
    then = start.values.get("machine", {}) if start else {}
    changed = [f"{name} {then[name]}, now {one}" for name, one in now.items() if then.get(name, one) != one]
    return [f"Not as before: {'; '.join(changed)}. The last digits of what follows may differ."] if changed else []


def _trainer(
    config: RunConfig,
    ready: TrainableModel,
    data: DataSet,
    arguments: TrainingArguments,
    progress: Progress,
    checkpoints: Checkpoints,
) -> ResumableTrainer:
    codes, classes, base = data.train.labels, len(data.labels), ready.base
    weights = balanced_weights(codes, classes) if config.class_weights == "balanced" else None
    order, best = _order(config, ready, data), KeepBestEpoch(ready.classifier.model)
    pauses = CheckpointCallback(order, checkpoints, progress)
    trainer = ResumableTrainer(
        rate=partial(rates(config, base.backbone.width).of, new_modules=base.new_modules),
        adds_loss_term=METHODS[config.method].adds_loss_term,
        order=order,
        best=best,
        checkpoints=checkpoints,
        compute_loss_func=ClassificationLoss(weights),
        model=ready.classifier.model,
        args=arguments,
        train_dataset=base.train,
        eval_dataset=tokenized(data.validation, base.tokenizer),
        processing_class=base.tokenizer,
        data_collator=DataCollatorWithPadding(base.tokenizer),
        compute_metrics=_scores,
        preprocess_logits_for_metrics=_logits,
        callbacks=[Reporter(progress), RankAllocation(), best, pauses],
    )
    pauses.trainer = trainer
    trainer.remove_callback(PrinterCallback)  # core prints nothing
    return trainer


def _order(config: RunConfig, ready: TrainableModel, data: DataSet) -> Order:
    codes = data.train.labels
    draw = (
        balanced(codes, len(data.labels))
        if config.sampler == "balanced"
        else grouped_by_length([len(ids) for ids in ready.base.train["input_ids"]], config.batch_size)
    )
    return Order(draw, len(codes), config.seed)


def _arguments(config: RunConfig, pieces: int, examples: int, folder: str) -> TrainingArguments:
    return TrainingArguments(
        output_dir=folder,
        num_train_epochs=config.epochs,
        per_device_train_batch_size=config.batch_size // pieces,
        gradient_accumulation_steps=pieces,
        per_device_eval_batch_size=config.batch_size // pieces * config.gradient_accumulation,
        warmup_steps=config.warmup,
        weight_decay=config.weight_decay,
        lr_scheduler_type="linear",
        eval_strategy="epoch",
        save_strategy="no",
        logging_nan_inf_filter=False,  # it would show a training that diverged as one that has learnt all
        logging_steps=max(1, steps(config, examples) // LOGGED_POINTS),
        seed=config.seed,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
    )


def _logits(outputs: Tensor | tuple[Tensor, ...], labels: Tensor) -> Tensor:
    """Return the logits alone: encoder-decoders give hidden states too, of another length in every batch."""
    return outputs[0] if isinstance(outputs, tuple) else outputs


def _scores(prediction: EvalPrediction) -> dict[str, Any]:
    predicted = np.asarray(prediction.predictions).argmax(axis=1)
    return {
        "accuracy": float(accuracy_score(prediction.label_ids, predicted)),
        "macro_f1": float(f1_score(prediction.label_ids, predicted, average="macro")),
    }
