"""From a config to a model that can be trained: the base, what is put on it, and the training texts in tokens."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from datasets import Dataset
from peft import PeftModel
from transformers import BatchEncoding, DataCollatorWithPadding, PreTrainedModel, set_seed
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.catalog.methods import METHODS
from core.config import RunConfig
from core.data.splits import Split
from core.models.adapters import Plan, add_adapter, targets_of
from core.models.backbone import Backbone, device, load_for_classification, require_backbone
from core.models.fine_tuned import AdaptedClassifier, FullClassifier, tokenizer_for
from core.models.neural_classifier import encoded, truncated_shares
from core.models.quantization import bytes_of
from core.text.formatting import format_percent

if TYPE_CHECKING:
    from core.runs.job import Job

INIT_BATCHES = 8
"""How many batches of training examples an init may look at."""


@dataclass(frozen=True)
class Base:
    """A base model with a fresh head, and its training texts in tokens.

    ``new_modules`` are those that its checkpoint does not have; ``bytes`` is what its weights take.
    """

    backbone: Backbone
    tokenizer: PreTrainedTokenizerBase
    model: PreTrainedModel
    new_modules: tuple[str, ...]
    bytes: int
    train: Dataset


@dataclass(frozen=True)
class TrainableModel:
    """A model that is ready to be trained, with notes for the user and what is recorded of it."""

    base: Base
    classifier: AdaptedClassifier | FullClassifier
    notes: tuple[str, ...]
    environment: dict[str, Any]

    @property
    def parameters(self) -> tuple[int, int]:
        """How many weights train, and how many there are; a weight in 4 bits counts as one."""
        model = self.classifier.model
        if isinstance(model, PeftModel):
            trainable, total = model.get_nb_trainable_parameters()
            return trainable, total
        counts = {p: p.numel() for p in model.parameters()}
        return sum(count for p, count in counts.items() if p.requires_grad), sum(counts.values())


def build_trainable(job: "Job") -> TrainableModel:
    """Load the job's backbone with a new head, and add the adapter or leave all weights trainable."""
    config, data, backbone = job.config, job.data, require_backbone(job.backbone)
    set_seed(config.seed)  # the head is initialized when the model is made
    if device() == "cuda":
        torch.use_deterministic_algorithms(True, warn_only=True)
    tokenizer = tokenizer_for(config, backbone)
    model, new_modules = load_for_classification(backbone, tokenizer, data.labels, config.quantize)
    base = Base(backbone, tokenizer, model, new_modules, bytes_of(model), tokenized(data.train, tokenizer))
    truncated = truncated_shares(tokenizer, data.splits)
    classifier, done, environment = _MADE[config.kind](config, base)
    length = (
        f"Texts are read to {tokenizer.model_max_length} tokens: {format_percent(truncated['train'])} % "
        f"of the training texts and {format_percent(truncated['test'])} % of the test texts are longer."
    )
    return TrainableModel(
        base,
        classifier,
        (done, length),
        {"device": device(), "new_modules": list(new_modules), "truncated": truncated, **environment},
    )


def tokenized(split: Split, tokenizer: PreTrainedTokenizerBase) -> Dataset:
    """Return a split's texts in tokens, cut to the tokenizer's length, with their labels."""
    return Dataset.from_dict({**encoded(tokenizer, split.texts), "labels": split.labels})


def steps(config: RunConfig, examples: int) -> int:
    """Return how many steps the config's training has."""
    return config.epochs * -(-examples // config.batch_size)


def _with_adapter(config: RunConfig, base: Base) -> tuple[AdaptedClassifier, str, dict[str, Any]]:
    targets = targets_of(config, base.model, base.new_modules)
    plan = Plan(steps(config, len(base.train)), lambda: _first_batches(config, base))
    adapted = add_adapter(base.model, config, base.new_modules, targets, base.backbone, plan)
    what = ", ".join(targets.modules)
    done = f"Adapting {what}: {targets.reason}." if what else f"{METHODS[config.method].title}: {targets.reason}."
    record = {"target_modules": list(targets.modules), "target_modules_reason": targets.reason}
    return AdaptedClassifier(adapted, base.tokenizer, base.backbone), done, record


def _with_all_weights(config: RunConfig, base: Base) -> tuple[FullClassifier, str, dict[str, Any]]:
    return FullClassifier(base.model, base.tokenizer, base.backbone), "Training all weights.", {}


_MADE: dict[str, Callable[[RunConfig, Base], tuple[AdaptedClassifier | FullClassifier, str, dict[str, Any]]]] = {
    "adapter": _with_adapter,
    "full": _with_all_weights,
}


def _first_batches(config: RunConfig, base: Base) -> list[BatchEncoding]:
    """Return some batches of training examples, for inits that look at them."""
    size, most = config.batch_size, min(len(base.train), INIT_BATCHES * config.batch_size)
    collate = DataCollatorWithPadding(base.tokenizer)
    rows = [[base.train[i] for i in range(start, min(start + size, most))] for start in range(0, most, size)]
    return [collate(one).to(device()) for one in rows]
