"""The Hugging Face Trainer, made to go on where it was stopped, and what listens to it."""

import json
import math
import time
from collections import defaultdict
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict
from typing import Any

import torch
from peft import PeftModel
from torch import nn
from torch.utils.data import SequentialSampler
from transformers import Trainer, TrainerCallback

from core.errors import RunError
from core.runs.progress import Progress
from core.training.checkpoints import Checkpoint, Checkpoints, Snapshot
from core.training.reproducibility import restore_rng_state, rng_state
from core.training.sampler import Order

_LOGGED_AS = {
    "loss": "loss",
    "learning_rate": "learning_rate",
    "grad_norm": "gradient_norm",
    "eval_loss": "validation_loss",
    "eval_macro_f1": "validation_macro_f1",
    "eval_accuracy": "validation_accuracy",
}


class KeepBestEpoch(TrainerCallback):
    """Keeps what is trained as it was after the epoch with the best validation macro F1, the first of equals.

    In memory: a method that changes its own shape while it trains (AdaLoRA) can't read back what it
    wrote when it had another.
    """

    def __init__(self, model: nn.Module) -> None:
        self.trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.adapters = model.peft_config if isinstance(model, PeftModel) else {}
        self.kept: dict[str, torch.Tensor] = {}
        self.kept_adapters: dict[str, Any] = {}
        self.score, self.epoch = -1.0, 0.0

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any) -> None:
        """Keep the epoch that was just evaluated, where it is the best so far."""
        if metrics["eval_macro_f1"] > self.score:
            self.score, self.epoch = metrics["eval_macro_f1"], float(state.epoch)
            self.kept = {name: p.detach().to("cpu", copy=True) for name, p in self.trained.items()}
            self.kept_adapters = deepcopy(self.adapters)

    def restore(self) -> None:
        """Put back what was kept."""
        self.put(self.kept)
        self.adapters.update(self.kept_adapters)

    def put(self, values: dict[str, torch.Tensor]) -> None:
        """Give what is trained these values, by name."""
        for name, parameter in self.trained.items():
            parameter.data.copy_(values[name])


class ResumableTrainer(Trainer):
    """The Trainer with rows in their order in evaluation, a chosen order in training, and its own checkpoints.

    The checkpoints hold what is trained and no pickle; ``told`` is what else they are to tell.
    """

    def __init__(
        self,
        *,
        rate: Callable[[str], float],
        adds_loss_term: bool,
        order: Order,
        best: KeepBestEpoch,
        checkpoints: Checkpoints,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._rate, self._own_loss, self._order = rate, adds_loss_term, order
        self.best, self._checkpoints = best, checkpoints
        self.told: dict[str, Any] = {}
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """How long the training has taken, before it was stopped too."""
        before = self._start.values["seconds"] if self._start else 0.0
        return time.perf_counter() - self._began + float(before)

    @property
    def _start(self) -> Checkpoint | None:
        return self._checkpoints.start

    def _get_train_sampler(self, train_dataset: Any = None) -> Order:
        return self._order

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

    # What the Trainer calls when it saves, and when it is told to resume.

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        state = json.dumps(asdict(self.state))
        self._checkpoints.write(self.state.global_step, self._snapshot(), state)

    def _snapshot(self) -> Snapshot:
        optimizer, best = self.optimizer.state_dict(), self.best
        tensors, values = rng_state()
        scheduler = {name: one for name, one in self.lr_scheduler.state_dict().items() if name != "lr_lambdas"}
        parts = {
            "trained/": best.trained,
            "best/": best.kept,
            "chance/": tensors,
            **{f"optimizer/{number}/": one for number, one in optimizer["state"].items()},
        }
        return Snapshot(
            {f"{part}{name}": one for part, named in parts.items() for name, one in named.items()},
            {
                "chance": values,
                "optimizer": optimizer["param_groups"],
                "scheduler": scheduler,
                "best": [best.score, best.epoch],
                "logged": [float(self._tr_loss), self._globalstep_last_logged],
                "pieces": self.args.gradient_accumulation_steps,
                "seconds": self.seconds,
                **self.told,
            },
        )

    # Each reads its own part, and lets go of it: all of it at once is several times the weights.

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        assert self._start is not None, "the Trainer was told so"
        best = self.best
        best.put(self._start.part("trained/"))
        best.kept, best.kept_adapters = self._start.part("best/"), deepcopy(best.adapters)
        best.score, best.epoch = self._start.values["best"]

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if self._start is None:
            return
        groups = self._start.values["optimizer"]
        numbers = [number for group in groups for number in group["params"]]
        state = {number: self._start.part(f"optimizer/{number}/") for number in numbers}
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        self.lr_scheduler.load_state_dict({**self.lr_scheduler.state_dict(), **self._start.values["scheduler"]})

    def _load_scaler(self, checkpoint: str | None) -> None:
        """None is used; the Trainer would unpickle a file of its name."""

    def _load_rng_state(self, checkpoint: str | None) -> None:
        assert self._start is not None, "the Trainer was told so"
        restore_rng_state(self._start.part("chance/"), self._start.values["chance"])

    def take_up(self) -> None:
        """Go on with the loss that was summed up since it was last logged."""
        if self._start is not None:
            loss, self._globalstep_last_logged = self._start.values["logged"]
            self._tr_loss += loss


class Reporter(TrainerCallback):
    """Passes the Trainer's news on."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Pass on what was logged, by our names. Raises `RunError` where the training diverged."""
        values = {_LOGGED_AS[name]: float(value) for name, value in (logs or {}).items() if name in _LOGGED_AS}
        if values:
            self.progress.logged(state.global_step, float(state.epoch or 0), values)
        if not math.isfinite(values.get("loss", 0)):
            raise RunError(
                f"The loss is no number any more at step {state.global_step:,} of {state.max_steps:,}: "
                "the training diverged. Try a lower --lr, or --dtype float32."
            )

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Pass on how far it is."""
        self.progress.stepped(state.global_step, state.max_steps, float(state.epoch or 0))


class RankAllocation(TrainerCallback):
    """Lets a method that moves its budget while it trains (AdaLoRA, AdaMSS) do so, before gradients are cleared."""

    def on_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Move the budget."""
        base: Any = getattr(model, "base_model", None)
        if hasattr(base, "update_and_allocate"):
            base.update_and_allocate(state.global_step)


class CheckpointCallback(TrainerCallback):
    """Says when a checkpoint is written, and stops the training where that was asked for.

    Within an epoch after a step, at its end after its evaluation: so none is left out or done twice.
    """

    def __init__(self, order: Order, checkpoints: Checkpoints, progress: Progress) -> None:
        self.order, self.checkpoints, self.progress = order, checkpoints, progress
        self.trainer: ResumableTrainer | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Put back what the Trainer sets to nothing."""
        assert self.trainer is not None
        self.trainer.take_up()

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Set the order of the epoch that begins."""
        self.order.epoch = state.global_step // _steps_an_epoch(args, state)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Write a checkpoint where it is time to; at the end of an epoch its evaluation comes first."""
        if state.global_step % _steps_an_epoch(args, state):
            self._pause(control)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Write a checkpoint where it is time to."""
        self._pause(control)

    def _pause(self, control: Any) -> None:
        control.should_save = self.checkpoints.due() or self.progress.stopping()

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Stop where that was asked for."""
        if self.progress.stopping():
            raise KeyboardInterrupt


def _steps_an_epoch(args: Any, state: Any) -> int:
    return int(state.max_steps // args.num_train_epochs)
