"""One fine-tune, on the Hugging Face Trainer."""

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from peft import PeftModel
from sklearn.metrics import accuracy_score, f1_score
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import Sampler, SequentialSampler, WeightedRandomSampler
from transformers import (
    DataCollatorWithPadding,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers.trainer_utils import EvalPrediction

from core.config import RunConfig
from core.data.splits import DataSet
from core.methods import METHODS, rate_for_width
from core.models.backbone import quiet
from core.models.classifier import Fitted
from core.models.precision import frozen_dtype, frozen_weights_in
from core.models.ready import Ready, make_ready, steps, tokenized
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


def fine_tune(config: RunConfig, data: DataSet, progress: Progress) -> Fitted:
    """Train the config's adapter, or all weights; keep the epoch with the best validation macro F1."""
    progress.entered("model")
    ready = make_ready(config, data)
    for line in ready.told:
        progress.noted(line)
    trainable, total = ready.parameters

    progress.entered("training")
    dtype = frozen_dtype(config)
    start = time.perf_counter()
    best_epoch = _train(config, ready, data, dtype, progress)
    seconds = time.perf_counter() - start
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
        environment={"training_dtype": str(dtype).removeprefix("torch."), **ready.environment},
    )


def _train(config: RunConfig, ready: Ready, data: DataSet, dtype: torch.dtype, progress: Progress) -> float:
    """Train, put the best epoch back, and return its number."""
    model = ready.classifier.model
    best = _Best(model)
    with tempfile.TemporaryDirectory(prefix="adapter-bench-") as folder, frozen_weights_in(model, dtype), quiet():
        trainer = _trainer(config, ready, data, folder, [_Reporter(progress), _Allocation(), best])
        trainer.train()
        best.restore()
    return best.epoch


class _Trainer(Trainer):
    """The Trainer with rows in their order in evaluation, and with a chosen order in training."""

    def __init__(
        self,
        *,
        rate: Callable[[str], float],
        own_loss: bool,
        train_sampler: Sampler[int] | None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._rate = rate
        self._own_loss = own_loss
        self._train_sampler = train_sampler

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return self._train_sampler or super()._get_train_sampler(train_dataset)

    def _get_eval_sampler(self, eval_dataset: Any) -> SequentialSampler:
        return SequentialSampler(eval_dataset)  # grouping by length would reorder evaluation too

    def create_optimizer(self, model: Any = None) -> Any:
        """Make AdamW, with each weight's own rate."""
        decaying = set(self.get_decay_parameter_names(self.model))
        groups: dict[tuple[float, float], list[nn.Parameter]] = defaultdict(list)
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                decay = self.args.weight_decay if name in decaying else 0.0
                groups[self._rate(name), decay].append(parameter)
        settings = [{"params": some, "lr": rate, "weight_decay": decay} for (rate, decay), some in groups.items()]
        kind, options = self.get_optimizer_cls_and_kwargs(self.args, self.model)
        self.optimizer = kind(settings, **options)
        return self.optimizer

    def compute_loss(self, model: Any, inputs: dict[str, Any], *rest: Any, **named: Any) -> Any:
        """Let a model that adds a term of its own to the loss see the labels; the Trainer takes them away."""
        if not self._own_loss:
            return super().compute_loss(model, inputs, *rest, **named)
        labels = {"labels": inputs["labels"]}
        hook = model.register_forward_pre_hook(lambda _, args, given: (args, given | labels), with_kwargs=True)
        try:
            return super().compute_loss(model, inputs, *rest, **named)
        finally:
            hook.remove()


@dataclass(frozen=True)
class Rates:
    """Learning rates: of the adapter (or all weights), of the new layers, and LoRA+'s of B."""

    adapter: float
    head: float
    lora_b: float

    def of(self, parameter: str, new_modules: Sequence[str]) -> float:
        """Return a weight's rate, by its name."""
        if "modules_to_save" in parameter or parameter.startswith(tuple(f"{name}." for name in new_modules)):
            return self.head
        return self.lora_b if "lora_B" in parameter else self.adapter


def rates(config: RunConfig, width: int) -> Rates:
    """Return the config's learning rates for a model of this hidden size.

    A method may want a rate at which a plain layer diverges: the new layers get LoRA's at most.
    """
    own = config.lr or rate_for_width(config.method, width)
    most = rate_for_width("lora", width)
    assert own is not None and most is not None, "what trains has a rate"
    return Rates(own, config.head_lr or min(own, most), own * (config.lora_plus or 1.0))


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
        plain = cross_entropy(logits, labels)
        if num_items_in_batch is None:
            return plain
        weights = None if self.weights is None else self.weights.to(logits.device)
        loss = cross_entropy(logits, labels, weight=weights, reduction="sum")
        own = outputs.get("loss")  # the plain loss with a term of the method's own, where it has one
        return (loss if own is None else loss + (own - plain) * len(labels)) / num_items_in_batch


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


class _Best(TrainerCallback):
    """Keeps what is trained as it was after the epoch with the best validation macro F1, the first of equals.

    In memory: a method that changes its own shape while it trains (AdaLoRA) can't read back what it
    wrote when it had another.
    """

    def __init__(self, model: nn.Module) -> None:
        self.trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.adapters = model.peft_config if isinstance(model, PeftModel) else {}
        self.score, self.epoch = -1.0, 0.0

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any) -> None:
        if metrics["eval_macro_f1"] > self.score:
            self.score, self.epoch = metrics["eval_macro_f1"], float(state.epoch)
            self.kept = {name: p.detach().to("cpu", copy=True) for name, p in self.trained.items()}
            self.kept_adapters = deepcopy(self.adapters)

    def restore(self) -> None:
        """Put back what was kept."""
        for name, parameter in self.trained.items():
            parameter.data.copy_(self.kept[name])
        self.adapters.update(self.kept_adapters)


class _Allocation(TrainerCallback):
    """Lets a method that moves its budget while it trains (AdaLoRA, AdaMSS) do so, before gradients are cleared."""

    def on_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        allocate = getattr(getattr(model, "base_model", None), "update_and_allocate", None)
        if allocate is not None:
            allocate(state.global_step)


def _trainer(config: RunConfig, ready: Ready, data: DataSet, folder: str, callbacks: list[TrainerCallback]) -> Trainer:
    codes, classes, base = data.train.labels, len(data.labels), ready.base
    weights = balanced_weights(codes, classes) if config.class_weights == "balanced" else None
    trainer = _Trainer(
        rate=partial(rates(config, base.backbone.width).of, new_modules=base.new_modules),
        own_loss=METHODS[config.method].own_loss,
        train_sampler=balanced_sampler(codes, classes, config.seed) if config.sampler == "balanced" else None,
        compute_loss_func=ClassificationLoss(weights),
        model=ready.classifier.model,
        args=_arguments(config, len(data.train), folder),
        train_dataset=base.train,
        eval_dataset=tokenized(data.validation, base.tokenizer),
        processing_class=base.tokenizer,
        data_collator=DataCollatorWithPadding(base.tokenizer),
        compute_metrics=_scores,
        preprocess_logits_for_metrics=_logits,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)  # core prints nothing
    return trainer


def _arguments(config: RunConfig, examples: int, folder: str) -> TrainingArguments:
    return TrainingArguments(
        output_dir=folder,
        num_train_epochs=config.epochs,
        per_device_train_batch_size=config.batch_size // config.gradient_accumulation,
        gradient_accumulation_steps=config.gradient_accumulation,
        per_device_eval_batch_size=config.batch_size,
        warmup_steps=config.warmup,
        weight_decay=config.weight_decay,
        lr_scheduler_type="linear",
        train_sampling_strategy="group_by_length",
        eval_strategy="epoch",
        save_strategy="no",
        logging_steps=max(1, steps(config, examples) // LOGGED_POINTS),
        seed=config.seed,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
    )


def _logits(outputs: Tensor | tuple[Tensor, ...], labels: Tensor) -> Tensor:
    """Return the logits alone: encoder-decoders give hidden states too, of another length in every batch."""
    return outputs[0] if isinstance(outputs, tuple) else outputs


def _scores(prediction: EvalPrediction) -> dict[str, float]:
    predicted = np.asarray(prediction.predictions).argmax(axis=1)
    return {
        "accuracy": float(accuracy_score(prediction.label_ids, predicted)),
        "macro_f1": float(f1_score(prediction.label_ids, predicted, average="macro")),
    }
