"""Build a trainable model: the base model, its adapter and the tokenized training texts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from datasets import Dataset
from peft import PeftModel
from transformers import BatchEncoding, DataCollatorWithPadding, PreTrainedModel, set_seed
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.catalog.methods import METHODS
from core.config import MAX_COUNT, RunConfig
from core.data.splits import Split
from core.models.adapters import TrainingPlan, add_adapter, load_trainable_adapter, select_targets
from core.models.backbone import Backbone, device, load_for_classification, require_backbone
from core.models.fine_tuned import AdaptedClassifier, FullClassifier
from core.models.head_init import initialize_head
from core.models.neural_classifier import tokenize, truncation_rates
from core.models.precision import frozen_dtype
from core.models.quantization import model_bytes
from core.models.tokenizers import load_run_tokenizer
from core.text.formatting import format_percent

if TYPE_CHECKING:
    from core.runs.job import Job

INIT_BATCHES = 8
"""Number of training batches for initializations that use data."""
CONTINUES = "Training continues from the weights of run {}, with a new optimizer and a new learning rate schedule."


@dataclass(frozen=True)
class PreparedBase:
    """A base model with a new head, and the tokenized training texts.

    ``new_modules``: the modules that its checkpoint lacks. ``bytes``: the size of its weights in memory.
    """

    backbone: Backbone
    tokenizer: PreTrainedTokenizerBase
    model: PreTrainedModel
    new_modules: tuple[str, ...]
    bytes: int
    train: Dataset


@dataclass(frozen=True)
class TrainableModel:
    """A model ready for training, with messages for the user and values to record in the run's environment."""

    base: PreparedBase
    classifier: AdaptedClassifier | FullClassifier
    messages: tuple[str, ...]
    environment: dict[str, Any]

    @property
    def parameters(self) -> tuple[int, int]:
        """The numbers of trainable and of all parameters; a 4-bit weight counts as one parameter."""
        model = self.classifier.model
        if isinstance(model, PeftModel):
            trainable, total = model.get_nb_trainable_parameters()
            return trainable, total
        counts = {p: p.numel() for p in model.parameters()}
        return sum(count for p, count in counts.items() if p.requires_grad), sum(counts.values())


def build_trainable(job: "Job") -> TrainableModel:
    """Load the job's backbone with a new head, and add the adapter or leave all weights trainable."""
    config, data, backbone = job.config, job.data, require_backbone(job.backbone)
    set_seed(config.seed)  # the head is initialized when the model is loaded
    if device() == "cuda":
        torch.use_deterministic_algorithms(True, warn_only=True)
    tokenizer = load_run_tokenizer(config, backbone)
    model, new_modules, head = _load_model(job, tokenizer)
    base = PreparedBase(
        backbone, tokenizer, model, new_modules, model_bytes(model), tokenize_split(data.train, tokenizer)
    )
    truncated = truncation_rates(tokenizer, data.splits)
    classifier, message, environment = _BUILDERS[config.kind](job, base)
    reason = f" ({job.max_length_reason})" if job.max_length_reason else ""
    truncation_message = (
        f"Maximum length: {tokenizer.model_max_length} tokens{reason}; {format_percent(truncated['train'])}% of the "
        f"training texts and {format_percent(truncated['test'])}% of the test texts are truncated."
    )
    limit = _max_length_limit(config, backbone) if truncated["test"] else {}
    facts = {"device": device(), "new_modules": list(new_modules), "truncated": truncated}
    continues = [CONTINUES.format(job.continues.run_id)] if job.continues else []
    pooling_message, pooling_reason = _describe_pooling(backbone)
    return TrainableModel(
        base,
        classifier,
        (*continues, message, *pooling_message, truncation_message),
        {**facts, **limit, **head, **pooling_reason, **environment},
    )


def _describe_pooling(backbone: Backbone) -> tuple[list[str], dict[str, str]]:
    """Return a message about the pooling, if ``auto`` chose it, and the reason to record."""
    if backbone.pooling_reason is None:
        return [], {}
    pooling = "the mean over the tokens" if backbone.pooling == "mean" else "as in the model's own head"
    return [f"Pooling: {pooling} (auto: {backbone.pooling_reason})."], {"pooling_reason": backbone.pooling_reason}


def _load_model(
    job: "Job", tokenizer: PreTrainedTokenizerBase
) -> tuple[PreTrainedModel, tuple[str, ...], dict[str, str]]:
    """Load the base model with a new head, or the model that full fine-tuning continues to train.

    Return it with the names of the modules that the base model's checkpoint lacks, and how the head was initialized.
    """
    config, data, backbone = job.config, job.data, require_backbone(job.backbone)
    dropout = None if config.model_dropout == "model" else config.model_dropout
    options = (tokenizer, data.labels, config.quantize, dropout)
    model, new_modules = load_for_classification(backbone, *options)
    if job.continues:  # an adapter's saved head is loaded with it
        if config.kind == "full":
            model, _ = load_for_classification(backbone.saved_in(job.continues.folder), *options)
        return model, new_modules, {}
    head_init: str = config.head_init
    if head_init == "probe":
        dtype = frozen_dtype(config)
        shared = None if config.quantize else backbone
        head_init = initialize_head(model, new_modules, tokenizer, data.train, len(data.labels), dtype, shared)
    return model, new_modules, {"head_init": head_init}


def _max_length_limit(config: RunConfig, backbone: Backbone) -> dict[str, int]:
    """Return the value of ``max_length`` up to which the model reads more of a text."""
    longest = config.model_copy(update={"max_length": MAX_COUNT})
    return {"max_length_limit": int(load_run_tokenizer(longest, backbone).model_max_length)}


def tokenize_split(split: Split, tokenizer: PreTrainedTokenizerBase) -> Dataset:
    """Tokenize a split, truncated to the tokenizer's maximum length, with its labels."""
    return Dataset.from_dict({**tokenize(tokenizer, split.texts), "labels": split.labels})


def steps_per_epoch(config: RunConfig, examples: int) -> int:
    """Return the number of optimizer steps in an epoch of this many examples."""
    return -(-examples // config.batch_size)


def planned_steps(config: RunConfig, examples: int) -> int | None:
    """Return the number of optimizer steps of a training run; None if it is not known in advance."""
    return None if config.epochs == "auto" else config.epochs * steps_per_epoch(config, examples)


def _build_adapted(job: "Job", base: PreparedBase) -> tuple[AdaptedClassifier, str, dict[str, Any]]:
    config = job.config
    targets = select_targets(config, base.model, base.new_modules)
    plan = TrainingPlan(planned_steps(config, len(base.train)), lambda: _first_batches(config, base))
    if job.continues:
        adapted = load_trainable_adapter(base.model, config, job.continues.folder, base.backbone)
    else:
        adapted = add_adapter(base.model, config, base.new_modules, targets, base.backbone, plan)
    modules = ", ".join(targets.modules)
    title = METHODS[config.method].title
    message = f"Target modules {modules}: {targets.reason}." if modules else f"{title}: {targets.reason}."
    environment = {"target_modules": list(targets.modules), "target_modules_reason": targets.reason}
    return AdaptedClassifier(adapted, base.tokenizer, base.backbone), message, environment


def _build_full(job: "Job", base: PreparedBase) -> tuple[FullClassifier, str, dict[str, Any]]:
    return FullClassifier(base.model, base.tokenizer, base.backbone), "All weights are trainable.", {}


_Builder = Callable[["Job", PreparedBase], tuple[AdaptedClassifier | FullClassifier, str, dict[str, Any]]]
_BUILDERS: dict[str, _Builder] = {
    "adapter": _build_adapted,
    "full": _build_full,
}


def _first_batches(config: RunConfig, base: PreparedBase) -> list[BatchEncoding]:
    """Return the first training batches, for initializations that use data."""
    size, end = config.batch_size, min(len(base.train), INIT_BATCHES * config.batch_size)
    collate = DataCollatorWithPadding(base.tokenizer)
    rows = [[base.train[i] for i in range(start, min(start + size, end))] for start in range(0, end, size)]
    return [collate(batch).to(device()) for batch in rows]
