"""The Hugging Face Trainer with resumable checkpoints, and its callbacks."""

import json
import math
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import SequentialSampler
from transformers import Trainer, TrainerCallback

from core.errors import RunError
from core.training.checkpoints import Checkpoint, CheckpointManager, Snapshot
from core.training.early_stopping import EarlyStopping
from core.training.keep_best import KeepBest
from core.training.reproducibility import restore_rng_state, rng_state
from core.training.sampler import EpochSampler
from core.training.weight_average import WeightAverage

if TYPE_CHECKING:
    from core.runs.progress import Progress

_LOGGED_NAMES = {
    "loss": "loss",
    "learning_rate": "learning_rate",
    "grad_norm": "gradient_norm",
    "eval_loss": "validation_loss",
    "eval_macro_f1": "validation_macro_f1",
    "eval_accuracy": "validation_accuracy",
}


class ResumableTrainer(Trainer):
    """The Hugging Face Trainer with a given sampler, sequential evaluation, and its own checkpoint format.

    Checkpoints contain only the trainable weights, and no pickled objects. ``metadata``: further values to store in
    them.
    """

    def __init__(
        self,
        *,
        learning_rate: Callable[[str], float],
        adds_loss_term: bool,
        sampler: EpochSampler,
        best: KeepBest,
        early_stopping: EarlyStopping | None,
        average: WeightAverage | None,
        checkpoints: CheckpointManager,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._learning_rate, self._adds_loss_term, self._sampler = learning_rate, adds_loss_term, sampler
        self.best, self.early_stopping, self.average, self._checkpoints = best, early_stopping, average, checkpoints
        self.metadata: dict[str, Any] = {}
        self._start_time = time.perf_counter()

    @property
    def seconds(self) -> float:
        """The training time in seconds, including the time until the checkpoint that the run was resumed from."""
        before = self._resume_from.values["seconds"] if self._resume_from else 0.0
        return time.perf_counter() - self._start_time + float(before)

    @property
    def _resume_from(self) -> Checkpoint | None:
        return self._checkpoints.resume_from

    def _get_train_sampler(self, train_dataset: Any = None) -> EpochSampler:
        return self._sampler

    def _get_eval_sampler(self, eval_dataset: Any) -> SequentialSampler:
        return SequentialSampler(eval_dataset)  # the examples are sorted by length already

    def create_optimizer(self, model: Any = None) -> Any:
        """Create AdamW with a learning rate for each parameter."""
        decayed = set(self.get_decay_parameter_names(self.model))
        groups: dict[tuple[float, float], list[nn.Parameter]] = defaultdict(list)
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                decay = self.args.weight_decay if name in decayed else 0.0
                groups[self._learning_rate(name), decay].append(parameter)
        settings = [{"params": group, "lr": rate, "weight_decay": decay} for (rate, decay), group in groups.items()]
        optimizer_class, options = self.get_optimizer_cls_and_kwargs(self.args, self.model)
        self.optimizer = optimizer_class(settings, **options)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Create the schedule of the learning rate: linear, or the one of early stopping."""
        if self.early_stopping is None:
            return super().create_scheduler(num_training_steps, optimizer)
        self.lr_scheduler = LambdaLR(optimizer or self.optimizer, self.early_stopping.learning_rate_factor)
        return self.lr_scheduler

    def compute_loss(self, model: Any, inputs: dict[str, Any], *rest: Any, **named: Any) -> Any:
        """Return the loss; pass the labels, which the Trainer removes, to a model that adds a term to it."""
        if not self._adds_loss_term:
            return super().compute_loss(model, inputs, *rest, **named)
        labels = {"labels": inputs["labels"]}
        hook = model.register_forward_pre_hook(lambda _, args, kwargs: (args, kwargs | labels), with_kwargs=True)
        try:
            return super().compute_loss(model, inputs, *rest, **named)
        finally:
            hook.remove()

    def evaluate(self, *arguments: Any, **options: Any) -> Any:
        """Evaluate the average of the weights, if there is one."""
        with self.average.applied() if self.average else nullcontext():
            return super().evaluate(*arguments, **options)

    # Overrides of the methods that the Trainer calls when it saves and when it resumes.

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        state = json.dumps(asdict(self.state))
        self._checkpoints.write(self.state.global_step, self._snapshot(), state)

    def _snapshot(self) -> Snapshot:
        optimizer, best = self.optimizer.state_dict(), self.best
        rng_tensors, rng_values = rng_state()
        scheduler = self.lr_scheduler.state_dict()
        parts = {
            "weights/": best.trainable,
            "best/": best.best_weights,
            "average/": self.average.averages if self.average else {},
            "rng/": rng_tensors,
            **{f"optimizer/{number}/": state for number, state in optimizer["state"].items()},
        }
        return Snapshot(
            {f"{prefix}{name}": tensor for prefix, tensors in parts.items() for name, tensor in tensors.items()},
            {
                "rng": rng_values,
                "optimizer": optimizer["param_groups"],
                "scheduler": {name: value for name, value in scheduler.items() if name != "lr_lambdas"},
                "best": [best.score, best.epoch, best.step],
                "early_stopping": self.early_stopping and self.early_stopping.checkpoint(),
                "logged": [float(self._tr_loss), self._globalstep_last_logged],
                "micro_batches": self.args.gradient_accumulation_steps,
                "seconds": self.seconds,
                **self.metadata,
            },
        )

    # Each method reads only its part of the checkpoint: all of it needs several times the memory of the weights.

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        assert self._resume_from is not None, "the Trainer resumes only from a checkpoint"
        best = self.best
        best.load_weights(self._resume_from.read_tensors("weights/"))
        best.best_weights, best.best_adapters = self._resume_from.read_tensors("best/"), deepcopy(best.adapters)
        best.score, best.epoch, best.step = self._resume_from.values["best"]
        if self.average is not None:
            self.average.load(self._resume_from.read_tensors("average/"))
        if self.early_stopping is not None:
            values = self._resume_from.values
            self.early_stopping.resume(values["early_stopping"], values["seconds"])

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if self._resume_from is None:
            return
        groups = self._resume_from.values["optimizer"]
        numbers = [number for group in groups for number in group["params"]]
        state = {number: self._resume_from.read_tensors(f"optimizer/{number}/") for number in numbers}
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        self.lr_scheduler.load_state_dict({**self.lr_scheduler.state_dict(), **self._resume_from.values["scheduler"]})

    def _load_scaler(self, checkpoint: str | None) -> None:
        """Do nothing: no gradient scaler is used, and the Trainer would unpickle a file ``scaler.pt``."""

    def _load_rng_state(self, checkpoint: str | None) -> None:
        assert self._resume_from is not None, "the Trainer resumes only from a checkpoint"
        restore_rng_state(self._resume_from.read_tensors("rng/"), self._resume_from.values["rng"])

    def restore_logged_loss(self) -> None:
        """Restore the loss that was accumulated since it was last logged."""
        if self._resume_from is not None:
            loss, self._globalstep_last_logged = self._resume_from.values["logged"]
            self._tr_loss += loss


class ProgressCallback(TrainerCallback):
    """Forward the Trainer's events to the run's `Progress`."""

    def __init__(self, progress: "Progress") -> None:
        self.progress = progress

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Forward logged values under the names that are recorded. Raise `RunError` if training diverged."""
        values = {_LOGGED_NAMES[name]: float(value) for name, value in (logs or {}).items() if name in _LOGGED_NAMES}
        if values:
            self.progress.on_log(state.global_step, float(state.epoch or 0), values)
        if not math.isfinite(values.get("loss", 0)):
            raise RunError(
                f"The loss is NaN or infinite at step {state.global_step:,} of {state.max_steps:,}: the training "
                "diverged. Try a lower --lr, or --dtype float32."
            )

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Forward the step."""
        self.progress.on_step_end(state.global_step, state.max_steps, float(state.epoch or 0))


class RankAllocation(TrainerCallback):
    """Reallocate the parameter budget of AdaLoRA and AdaMSS after each optimizer step, before gradients are cleared."""

    def on_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Reallocate the parameter budget."""
        base: Any = getattr(model, "base_model", None)
        if hasattr(base, "update_and_allocate"):
            base.update_and_allocate(state.global_step)


class CheckpointCallback(TrainerCallback):
    """Decide when a checkpoint is written, and stop the training on request.

    At the end of an epoch, the checkpoint is written after the evaluation, so that a resumed run neither skips nor
    repeats it.
    """

    def __init__(
        self, sampler: EpochSampler, steps_per_epoch: int, checkpoints: CheckpointManager, progress: "Progress"
    ) -> None:
        self.sampler, self.steps_per_epoch = sampler, steps_per_epoch
        self.checkpoints, self.progress = checkpoints, progress
        self.trainer: ResumableTrainer | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Restore what the Trainer resets when training begins."""
        assert self.trainer is not None
        self.trainer.restore_logged_loss()

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Set the sampler's epoch."""
        self.sampler.epoch = state.global_step // self.steps_per_epoch

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Request a checkpoint if one is due; after the last step of an epoch, `on_epoch_end` does."""
        if state.global_step % self.steps_per_epoch:
            self._save_if_due(control)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Request a checkpoint if one is due."""
        self._save_if_due(control)

    def _save_if_due(self, control: Any) -> None:
        control.should_save = self.checkpoints.is_due() or self.progress.should_stop()

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Raise `KeyboardInterrupt` if a stop was requested; the checkpoint has been written."""
        if self.progress.should_stop():
            raise KeyboardInterrupt
