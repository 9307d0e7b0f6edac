"""Fine-tune a job's model, resuming from the newest checkpoint."""

import tempfile
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from datasets import Dataset
from sklearn.metrics import accuracy_score, f1_score
from torch import Tensor
from transformers import DataCollatorWithPadding, PrinterCallback, TrainingArguments
from transformers.trainer_utils import EvalPrediction

from core.catalog.methods import METHODS
from core.catalog.training_summary import describe_training_end
from core.config import RunConfig
from core.models.backbone import silence_libraries
from core.models.build import TrainableModel, build_trainable, planned_steps, steps_per_epoch, tokenize_split
from core.models.classifier import FitResult
from core.models.precision import cast_frozen_weights, frozen_dtype
from core.system.environment import release_memory
from core.training.checkpoints import Checkpoint, CheckpointManager
from core.training.early_stopping import EarlyStopping, stopping_rule
from core.training.frozen_layers import cached_lower_layers
from core.training.fused_lora import fused_lora
from core.training.keep_best import KeepBest, macro_f1, macro_f1_and_loss
from core.training.learning_rates import learning_rates
from core.training.loss import ClassificationLoss
from core.training.oom import is_oom
from core.training.reproducibility import base_fingerprint, compute_info
from core.training.sampler import EpochSampler, balanced_class_weights, class_balanced, grouped_by_length
from core.training.trainer import (
    CheckpointCallback,
    ProgressCallback,
    RankAllocation,
    ResumableTrainer,
)
from core.training.weight_average import WeightAverage

if TYPE_CHECKING:
    from core.runs.job import Job
    from core.runs.progress import Progress

LOSS_POINTS = 50
"""Number of times that the training loss is logged over the whole training."""
NO_CHECKPOINTS = CheckpointManager(None, 0)


def fine_tune(job: "Job", progress: "Progress", checkpoints: CheckpointManager = NO_CHECKPOINTS) -> FitResult:
    """Train the job's adapter, or all weights; return the classifier of the best evaluation on the validation split.

    The best of a fixed number of epochs has the highest macro F1; with ``epochs="auto"``, the loss counts too.

    Resumes from the newest checkpoint. With ``auto_batch``, a step that does not fit into memory is repeated in
    smaller micro-batches, and an out-of-memory error is raised only if a micro-batch of one example does not fit.
    """
    _resume(checkpoints, progress)
    checkpoint = checkpoints.resume_from
    micro_batches = max(job.config.gradient_accumulation, checkpoint.values["micro_batches"] if checkpoint else 1)
    while True:
        try:
            return _fine_tune(job, micro_batches, progress, checkpoints)
        except (RuntimeError, MemoryError) as error:
            increased = _increase_micro_batches(job.config, micro_batches)
            if increased is None or not is_oom(error):
                raise
        release_memory()
        micro_batches = increased
        progress.on_message(f"Out of memory. Each step is now computed in {micro_batches} micro-batches.")
        _resume(checkpoints, progress)


def _resume(checkpoints: CheckpointManager, progress: "Progress") -> None:
    if checkpoints.resume():
        progress.on_message(
            "The checkpoints of this run were written by another version of Adapter Bench and cannot be read. "
            "Training restarts from the beginning."
        )


def _increase_micro_batches(config: RunConfig, micro_batches: int) -> int | None:
    """Return a number of micro-batches at least twice as large that divides the batch size; None if none does."""
    candidates = range(2 * micro_batches, config.batch_size + 1) if config.auto_batch else ()
    return next((count for count in candidates if config.batch_size % count == 0), None)


def _fine_tune(job: "Job", micro_batches: int, progress: "Progress", checkpoints: CheckpointManager) -> FitResult:
    config = job.config
    progress.on_phase("model")
    model = build_trainable(job)
    for message in model.messages:
        progress.on_message(message)
    trainable, total = model.parameters

    progress.on_phase("training")
    dtype = _choose_frozen_dtype(config, checkpoints)
    if METHODS[config.method].reallocates_budget:
        progress.on_message("This method keeps state that checkpoints omit: a stopped run restarts from the beginning.")
        checkpoints = NO_CHECKPOINTS
    trainer = _train(job, model, dtype, micro_batches, progress, checkpoints)
    end = {
        "training_steps": trainer.state.global_step,
        "training_end": trainer.early_stopping.reason if trainer.early_stopping else "epochs",
    }
    if trainer.early_stopping:
        progress.on_message(str(describe_training_end(end)))
    accumulation = {"gradient_accumulation": micro_batches} if micro_batches != config.gradient_accumulation else {}
    return FitResult(
        model.classifier,
        trainable_parameters=trainable,
        total_parameters=total,
        base_bytes=model.base.bytes,
        train_seconds=trainer.seconds,
        train_examples_per_second=trainer.state.epoch * len(job.data.train) / trainer.seconds,
        best_epoch=trainer.best.epoch,
        environment={
            "training_dtype": _dtype_name(dtype),
            "hidden_size": model.base.backbone.width,
            **end,
            **accumulation,
            **model.environment,
        },
    )


def _choose_frozen_dtype(config: RunConfig, checkpoints: CheckpointManager) -> torch.dtype:
    """Return the dtype of the frozen weights: the checkpoint's when resuming, else the configured one."""
    checkpoint = checkpoints.resume_from
    return getattr(torch, checkpoint.values["dtype"]) if checkpoint else frozen_dtype(config)


def _dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _train(
    job: "Job",
    model: TrainableModel,
    dtype: torch.dtype,
    micro_batches: int,
    progress: "Progress",
    checkpoints: CheckpointManager,
) -> ResumableTrainer:
    """Train, restore the best weights, and return the trainer."""
    checkpoint = checkpoints.resume_from
    with (
        tempfile.TemporaryDirectory(prefix="adapter-bench-") as folder,
        silence_libraries(),
        cast_frozen_weights(model.classifier.model, dtype),
        fused_lora(model.classifier.model),
    ):
        arguments = _build_arguments(job.config, micro_batches, len(job.data.train), folder)
        trainer = _build_trainer(job, model, arguments, progress, checkpoints)
        trainer.metadata = {"dtype": _dtype_name(dtype), "compute": compute_info()}
        if checkpoints.folder is not None:
            trainer.metadata["base"] = base_fingerprint(model.base.backbone)
        progress.on_train_begin(checkpoint.step if checkpoint else 0)
        if checkpoint and (changes := _describe_changes(checkpoint)):
            progress.on_message(
                f"The environment changed since the checkpoint ({changes}). Results may differ by rounding errors."
            )
        splits = (trainer.train_dataset, trainer.eval_dataset)
        batch_size = arguments.per_device_train_batch_size
        with cached_lower_layers(model.classifier.model, splits, trainer.data_collator, batch_size) as cached:
            if cached:
                progress.on_message(f"The outputs of the {cached} frozen lower layers are computed only once.")
            trainer.train(resume_from_checkpoint=str(checkpoint.folder) if checkpoint else None)
        trainer.best.restore()
    return trainer


def _describe_changes(checkpoint: Checkpoint) -> str:
    """Return the changes of the compute environment since a checkpoint: ``torch 2.12, now 2.13; …``."""
    before = checkpoint.values.get("compute", {})
    changed = {name: value for name, value in compute_info().items() if before.get(name, value) != value}
    return "; ".join(f"{name} {before[name]}, now {value}" for name, value in changed.items())


def _build_trainer(
    job: "Job",
    model: TrainableModel,
    arguments: TrainingArguments,
    progress: "Progress",
    checkpoints: CheckpointManager,
) -> ResumableTrainer:
    config, data, base = job.config, job.data, model.base
    is_auto, epoch_steps = config.epochs == "auto", steps_per_epoch(config, len(data.train))
    sampler = _build_sampler(job, model)
    best = KeepBest(model.classifier.model, macro_f1_and_loss if is_auto else macro_f1)
    early_stopping = EarlyStopping(stopping_rule(config, epoch_steps), best) if is_auto else None
    average = WeightAverage(model.classifier.model) if is_auto else None
    checkpoint_callback = CheckpointCallback(sampler, epoch_steps, checkpoints, progress)
    callbacks = [ProgressCallback(progress), RankAllocation(), average, best, early_stopping, checkpoint_callback]
    trainer = ResumableTrainer(
        learning_rate=partial(learning_rates(config, base.backbone.width).for_parameter, new_modules=base.new_modules),
        adds_loss_term=METHODS[config.method].adds_loss_term,
        sampler=sampler,
        best=best,
        early_stopping=early_stopping,
        average=average,
        checkpoints=checkpoints,
        compute_loss_func=_build_loss(job),
        model=model.classifier.model,
        args=arguments,
        train_dataset=base.train,
        eval_dataset=_sort_by_length(tokenize_split(data.validation, base.tokenizer)),
        processing_class=base.tokenizer,
        data_collator=DataCollatorWithPadding(base.tokenizer),
        compute_metrics=_compute_metrics,
        preprocess_logits_for_metrics=_keep_logits,
        callbacks=[callback for callback in callbacks if callback is not None],
    )
    checkpoint_callback.trainer = trainer
    trainer.remove_callback(PrinterCallback)  # core prints nothing
    return trainer


def _build_loss(job: "Job") -> ClassificationLoss:
    balanced = job.config.class_weights == "balanced"
    return ClassificationLoss(balanced_class_weights(job.data.train.labels, len(job.data.labels)) if balanced else None)


def _sort_by_length(rows: Dataset) -> Dataset:
    """Return the examples ordered by length, which reduces padding."""
    return rows.select(np.argsort([len(ids) for ids in rows["input_ids"]], kind="stable"))


def _build_sampler(job: "Job", model: TrainableModel) -> EpochSampler:
    labels = job.data.train.labels
    draw = (
        class_balanced(labels, len(job.data.labels))
        if job.config.sampler == "balanced"
        else grouped_by_length([len(ids) for ids in model.base.train["input_ids"]], job.config.batch_size)
    )
    return EpochSampler(draw, len(labels), job.config.seed)


def _build_arguments(config: RunConfig, micro_batches: int, examples: int, folder: str) -> TrainingArguments:
    steps = planned_steps(config, examples) or stopping_rule(config, steps_per_epoch(config, examples)).max_steps
    arguments = TrainingArguments(
        output_dir=folder,
        max_steps=steps,
        per_device_train_batch_size=config.batch_size // micro_batches,
        gradient_accumulation_steps=micro_batches,
        per_device_eval_batch_size=config.batch_size // micro_batches * config.gradient_accumulation,
        warmup_steps=config.warmup,
        weight_decay=config.weight_decay,
        lr_scheduler_type="linear",
        eval_strategy="no" if config.epochs == "auto" else "epoch",
        save_strategy="no",
        logging_nan_inf_filter=False,  # it would log the loss of a diverged training as 0
        logging_steps=max(1, steps // LOSS_POINTS),
        seed=config.seed,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
    )
    # With several GPUs the Trainer would use DataParallel, whose copies of the model break fused_lora and the cache of
    # lower layers. Reading n_gpu determines the devices first, which would overwrite the number.
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1
    return arguments


def _keep_logits(outputs: Tensor | tuple[Tensor, ...], labels: Tensor) -> Tensor:
    """Return the logits only: encoder-decoders also return hidden states, whose length differs between batches."""
    return outputs[0] if isinstance(outputs, tuple) else outputs


def _compute_metrics(prediction: EvalPrediction) -> dict[str, Any]:
    predicted = np.asarray(prediction.predictions).argmax(axis=1)
    return {
        "accuracy": float(accuracy_score(prediction.label_ids, predicted)),
        "macro_f1": float(f1_score(prediction.label_ids, predicted, average="macro")),
    }
