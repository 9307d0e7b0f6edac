"""RunConfig: everything that a run is asked to do, validated whole when it is made."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from core.catalog.capabilities import probed
from core.catalog.lora_init import INITS
from core.catalog.method import Kind
from core.catalog.methods import METHODS
from core.errors import RequestError, did_you_mean
from core.text.formatting import format_setting
from core.text.input_checks import redacted_repr, validate_setting_value

MOST = 2**30
"""The largest number of examples, tokens or pieces that can be asked for: databases and tensors count so far."""


def _setting(section: str, description: str, default: Any = ..., **rules: Any) -> Any:
    """Declare a field with the section that it belongs to; both the help and the record read it."""
    if "default_factory" not in rules:
        rules["default"] = default
    return Field(description=description, json_schema_extra={"section": section}, **rules)


def _comma_separated(value: Any) -> Any:
    parts = [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
    if parts in ([], ()):
        raise ValueError("should name modules, as query,value")
    return parts


def _pairs(value: Any) -> Any:
    """Read one ``key=value`` or several as a mapping to words."""
    if isinstance(value, Mapping):
        return value
    read = {}
    for pair in value if isinstance(value, list | tuple) else [value]:
        key, equals, text = str(pair).partition("=")
        if not equals or not key.strip():
            raise ValueError("should be key=value")
        read[key.strip()] = text
    return read


def _read_pairs(value: Any) -> Any:
    """Read ``key=value`` pairs, each value as YAML reads it: 8, 0.1, true, [1, 2], a word."""
    if isinstance(value, Mapping):
        return value
    from core.text.yaml_reader import parse_yaml  # for this setting alone

    def read(text: str) -> Any:
        try:
            return parse_yaml(text)
        except ValueError:
            return text

    return {key: read(text) for key, text in _pairs(value).items()}


PAIRS = ("splits", "peft")
"""The settings that are ``key=value``, any number of them."""


def _rank(data: Mapping[str, Any]) -> int | None:
    return METHODS[data["method"]].rank


def _alpha(data: Mapping[str, Any]) -> float | None:
    return METHODS[data["method"]].scale * data["r"] if data["r"] else None


LAYERS = re.compile(r"(first|last):[1-9]\d*|\d+(,\d+)*")
"""``last:4``, ``first:2``, or the layers' numbers from 0: ``0,3,5``."""


class RunConfig(BaseModel):
    """One run, described by plain settings; immutable.

    The command line's flags and help, the config file, the form and the stored JSON are all made
    from these fields. `settings` leaves out what the method does not use.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    method: str = _setting(
        "method",
        "what to run: lora, any other of peft's methods, full, or a baseline; the methods command lists them",
        "lora",
    )
    dataset: str = _setting(
        "data",
        "a bundled set, a CSV, TSV, JSON, JSONL or Parquet file, also gzipped, or a Hub data set",
        "movie-reviews",
    )
    text_column: str | None = _setting("data", "column with the text; guessed from the usual names", None)
    label_column: str | None = _setting("data", "column with the label; guessed from the usual names", None)
    dataset_config: str | None = _setting("data", "the Hub data set's configuration, where it has several", None)
    split_column: str | None = _setting(
        "data", "column that says which split a row belongs to; a column 'split' is taken for it", None
    )
    splits: Annotated[dict[Literal["train", "validation", "test"], str], BeforeValidator(_pairs)] = _setting(
        "data", "which of the source's own splits to draw from, as test=validation_matched", default_factory=dict
    )
    test_dataset: str | None = _setting("data", "another file or data set that the test split is drawn from", None)
    train_size: int = _setting("data", "training examples", 2000, ge=2, le=MOST)
    validation_size: int = _setting("data", "validation examples, for choosing the best epoch", 500, ge=2, le=MOST)
    test_size: int = _setting("data", "test examples, read once at the end", 1000, ge=2, le=MOST)

    model: str = _setting("model", "'minilm', any Hub model, or a local folder", "minilm")
    revision: str | None = _setting("model", "the Hub model's revision", None)
    max_length: int | Literal["auto"] = _setting(
        "model", "longest text, in tokens, or 'auto' for the data's own; the rest is cut", 128
    )
    trust_remote_code: bool = _setting(
        "model", "run Python code that comes with the model: it can do anything that you can", False
    )

    r: int | None = _setting(
        "adapter", "rank; by default the method's own, 8 for LoRA", default_factory=_rank, ge=1, le=8192
    )
    alpha: float | None = _setting(
        "adapter",
        "scale; by default twice the rank, 20 times for RandLoRA",
        default_factory=_alpha,
        gt=0,
    )
    dropout: float = _setting("adapter", "dropout in front of the adapter", 0.1, ge=0, lt=1)
    target_modules: Annotated[tuple[str, ...] | None, BeforeValidator(_comma_separated)] = _setting(
        "adapter", "modules to adapt, as a,b; chosen for the model's architecture", None
    )
    layers: str | None = _setting("adapter", "layers to adapt, as last:4, first:2 or 0,3,5; by default all", None)
    rslora: bool = _setting("adapter", "LoRA scaled by the rank's square root (Kalajdzievski 2023)", False)
    dora: bool = _setting("adapter", "LoRA that learns magnitude and direction apart (Liu et al. 2024)", False)
    init: str | None = _setting("adapter", f"how LoRA begins, other than as nothing: {', '.join(INITS)}", None)
    lora_plus: float | None = _setting(
        "adapter", "how much faster LoRA's B learns than its A (LoRA+, Hayou et al. 2024), as 16", None, ge=1
    )
    peft: Annotated[dict[str, Any], BeforeValidator(_read_pairs)] = _setting(
        "adapter", "any other field of the method's peft config, as key=value", default_factory=dict
    )
    quantize: Literal["8bit", "4bit"] | None = _setting(
        "adapter", "hold the frozen weights in 8 or 4 bits (QLoRA): less memory, not less time", None
    )

    epochs: int = _setting("training", "passes over the training examples", 2, ge=1, le=10_000)
    batch_size: int = _setting("training", "examples a step", 32, ge=1, le=MOST)
    gradient_accumulation: int = _setting(
        "training", "pieces that a step's examples are computed in, to save memory", 1, ge=1, le=MOST
    )
    auto_batch: bool = _setting(
        "training", "where memory runs out, compute a step's examples in more pieces, and go on", False
    )
    class_weights: Literal["none", "balanced"] = _setting(
        "training", "weight of each class in the loss; balanced: as if all were equally common", "none"
    )
    sampler: Literal["natural", "balanced"] = _setting(
        "training", "which examples a pass draws; balanced: each class equally often", "natural"
    )
    lr: float | None = _setting(
        "training", "learning rate; by default the method's own, for the model's width", None, gt=0
    )
    head_lr: float | None = _setting(
        "training", "learning rate of the new layers; by default --lr, but at most LoRA's default", None, gt=0
    )
    warmup: float = _setting("training", "share of the steps in which the rate rises", 0.06, ge=0, lt=1)
    weight_decay: float = _setting("training", "AdamW's weight decay", 0.01, ge=0)
    dtype: Literal["auto", "float32", "bfloat16"] = _setting(
        "training", "number format of the frozen weights while training; auto measures", "auto"
    )

    seed: int = _setting("seed", "seed of head, adapter, dropout and order; never of the splits", 42, ge=0, lt=2**32)

    @field_validator("*", mode="before")
    @classmethod
    def _sound(cls, value: Any, field: ValidationInfo) -> Any:
        validate_setting_value(value)
        if isinstance(value, bool) and cls.model_fields[str(field.field_name)].annotation is not bool:
            raise ValueError("should not be true or false")
        return value

    @field_validator("peft")
    @classmethod
    def _plain_values(cls, value: dict[str, Any]) -> dict[str, Any]:
        from core.text.yaml_reader import require_json_values

        require_json_values(value)
        return value

    @field_validator("method")
    @classmethod
    def _known_method(cls, value: str) -> str:
        if value not in METHODS:
            raise ValueError(_unknown_method(value))
        return value

    @field_validator("init")
    @classmethod
    def _known_init(cls, value: str | None) -> str | None:
        if value is not None and value not in INITS:
            raise ValueError(f"is none of: {', '.join(INITS)}.{did_you_mean(value, INITS)}")
        return value

    @field_validator("layers")
    @classmethod
    def _named_layers(cls, value: str | None) -> str | None:
        if value is not None and not LAYERS.fullmatch(value):
            raise ValueError("should be like last:4, first:2 or 0,3,5 (from 0)")
        return value

    @field_validator("max_length", mode="before")
    @classmethod
    def _room_for_a_text(cls, value: Any) -> Any:
        try:
            tokens = value if value == "auto" else int(value)
        except (TypeError, ValueError, OverflowError):
            tokens = 0
        if tokens != "auto" and not 4 <= tokens <= MOST:
            raise ValueError("should be a number of tokens, at least 4, or 'auto'")
        return tokens

    @model_validator(mode="after")
    def _whole_pieces(self) -> Self:
        if self.batch_size % self.gradient_accumulation:
            raise ValueError(
                f"--gradient-accumulation {self.gradient_accumulation} does not divide --batch-size {self.batch_size}"
            )
        return self

    @model_validator(mode="after")
    def _init_fits_the_base(self) -> Self:
        asks = INITS[self.init].quantized if self.init else "any"
        if asks == "4bit" and self.quantize != "4bit":
            raise ValueError(f"--init {self.init} corrects what 4 bits take away: it needs --quantize 4bit")
        if asks == "never" and self.quantize:
            raise ValueError(f"--init {self.init} needs the exact weights: it does not go with --quantize")
        return self

    @property
    def kind(self) -> Kind:
        """baseline, adapter or full."""
        return METHODS[self.method].kind

    def settings(self) -> dict[str, Any]:
        """Return the settings that this method uses, as plain JSON values in a fixed order.

        What was not asked for (None, False, nothing) is left out: a setting that a later version
        adds then changes nothing of what an earlier run is known by.
        """
        values = self.model_dump(mode="json").items()
        return {name: value for name, value in values if self.uses(name) and not _off(value)}

    def relevant_settings(self) -> Self:
        """Return the config without what its method does not use: that is as nobody had asked for it."""
        return type(self)(**self.settings())

    def uses(self, setting: str) -> bool:
        """Tell whether this method does anything with a setting."""
        method = METHODS[self.method]
        return section(setting) in method.sections | {"method"} or setting in method.takes

    def group_key(self, dataset_fingerprint: str) -> str:
        """Return the key that runs share when they differ in nothing but the seed, or in how memory was saved."""
        alike = {name: value for name, value in self.settings().items() if name not in ("seed", "auto_batch")}
        text = json.dumps([alike, dataset_fingerprint], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def default_name(self) -> str:
        """Return a short name such as ``lora-r8``, ``lora-r8-dora-4bit`` or ``tfidf``."""
        marks = {
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
        return "-".join([self.method, *(mark for mark, on in marks.items() if on)])


def _unknown_method(name: str) -> str:
    if name in probed().verdicts:
        reason = probed().verdicts[name]["encoder"]["trains"].reason
        return f"can't train a text classifier. peft says: {reason} See: python runner.py methods"
    return f"is no baseline and none of peft's methods.{did_you_mean(name, METHODS)} See: python runner.py methods"


def _off(value: Any) -> bool:
    return value is None or value is False or value == {}


def drop_duplicates(configs: Iterable[RunConfig]) -> list[RunConfig]:
    """Return the configs without those whose run is the same as an earlier one's, in order.

    Two configs that differ only in settings their method does not use are the same run.
    """
    return list({str(config.settings()): config for config in configs}.values())


def section(field: str) -> str:
    """Return the section that a field of `RunConfig` belongs to."""
    extra = RunConfig.model_fields[field].json_schema_extra
    assert isinstance(extra, dict)
    return str(extra["section"])


def flag(field: str) -> str:
    """Return the command-line flag of a field."""
    return "--" + field.replace("_", "-")


def as_flags(values: Mapping[str, Any]) -> list[str]:
    """Return the words of a command line that ask for these settings."""
    words: list[str] = []
    for name, value in values.items():
        given = (
            [f"{key}={one}" for key, one in value.items()] if isinstance(value, Mapping) else [format_setting(value)]
        )
        words += [flag(name), *([] if value is True else given)]
    return words


def make_config(values: Mapping[str, Any]) -> RunConfig:
    """Make a config from plain values; a `RequestError` names each field that is wrong."""
    try:
        return RunConfig(**values)
    except ValidationError as error:
        raise RequestError(explain(error)) from None


def explain(error: ValidationError) -> str:
    """Say in plain words what a validation error found, one line a field."""
    lines = []
    for item in error.errors():
        if item["type"] == "default_factory_not_called":
            continue  # a consequence of another field's error
        if not item["loc"]:  # about several fields at once
            lines.append(item["msg"].removeprefix("Value error, ") + ".")
            continue
        name = f"{item['loc'][0]!s:.60}"
        if item["type"] == "extra_forbidden":
            lines.append(f"there is no setting '{name}'.{did_you_mean(name, RunConfig.model_fields)}")
        else:
            message = item["msg"].removeprefix("Value error, ").removeprefix("Input ")
            lines.append(f"{flag(name)} {_given(item)} {message.rstrip('.')}" + ("" if message.endswith("?") else "."))
    return "\n".join(lines)


def _given(item: ErrorDetails) -> str:
    """Return what a wrong value was, as short as a message can bear, and without a secret."""
    given = item["input"]
    if item["loc"][0] in PAIRS and isinstance(given, tuple) and all(isinstance(pair, str) for pair in given):
        given = " ".join(given)
    return redacted_repr(given)


NOT_ASKED = "none"
"""What stands for a setting that a method uses and that was not asked for."""


def differences(settings: list[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the settings in which the given ones differ, each with its value a run.

    None stands for a setting that the run's method does not use, `NOT_ASKED` for one that it was
    not asked to use.
    """
    names = {name: None for one in settings for name in one}
    values = {name: [_told(one, name) for one in settings] for name in names}
    return {name: row for name, row in values.items() if any(value != row[0] for value in row)}


def _told(settings: Mapping[str, Any], name: str) -> Any:
    method = settings.get("method")
    if name in settings or method not in METHODS or name not in RunConfig.model_fields:
        return settings.get(name)
    return NOT_ASKED if RunConfig.model_construct(method=method).uses(name) else None
