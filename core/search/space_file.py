"""Read a requested search space, from several values of a flag or a YAML file, and validate it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from core.catalog.methods import METHODS
from core.catalog.search_spaces import ALPHA_OVER_R
from core.config import RunConfig, flag, make_config, section_of
from core.errors import RequestError, did_you_mean
from core.text.input_checks import redacted_repr
from core.text.yaml_reader import parse_yaml

MAX_BYTES = 100_000
_SEARCHABLE_SECTIONS = ("adapter", "training")
_RANGE_KEYS = {"low", "high", "log"}


def read_space_file(path: Path) -> dict[str, Any]:
    """Return the content of a space file: values by setting, or by method and setting.

    Raises `RequestError` if it cannot be read or is empty.
    """
    try:
        with path.open("rb") as file:
            content = parse_yaml(file.read(MAX_BYTES).decode("utf-8-sig"))
    except OSError as error:
        raise RequestError(f"--space {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise RequestError(f"--space {path} is not YAML: {error}") from None
    if not isinstance(content, dict) or not content:
        raise RequestError(
            f"--space {path} is empty. Expected lines such as 'r: [4, 8, 16]' or "
            "'lr: {low: 1e-4, high: 1e-2, log: true}'.",
            code="empty_space",
        )
    return {str(key).replace("-", "_"): value for key, value in content.items()}


def add_flags(content: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a space file and the values of flags. Raises `RequestError` for a setting in both."""
    _refuse_both(content, values)
    return {**content, **values}


def _refuse_both(content: Mapping[str, Any], flags: Collection[str]) -> None:
    """Raise `RequestError` if the space has a setting of the flags, or ``alpha_over_r`` where they have alpha."""
    for name in _settings_of(content):
        replaced = "alpha" if name == ALPHA_OVER_R else name
        if replaced in flags:
            raise RequestError(
                f"{flag(replaced)} is passed, and the space has {name} too. Remove one of the two.",
                code="setting_in_space",
            )


def _settings_of(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the settings in a space, those for one method only included."""
    for name, value in content.items():
        if name in METHODS and isinstance(value, dict):
            yield from (str(inner).replace("-", "_") for inner in value)
        else:
            yield name


def space_methods(content: Mapping[str, Any], requested: Sequence[str]) -> list[str]:
    """Return the methods of a space file, else those that the command line requests.

    Raises `RequestError` for an unknown method, and for one that does not train.
    """
    listed = content.get("method", requested)
    methods = listed if isinstance(listed, list) else [listed]
    for name in methods:
        make_config({"method": name})
        if METHODS[name].kind == "baseline":
            raise RequestError(f"A search varies methods that train; {name} is a baseline.", code="not_searchable")
    return list(dict.fromkeys(methods))


def parse_space(
    content: Mapping[str, Any], methods: Sequence[str], settings: Mapping[str, Any]
) -> dict[str, dict[str, BaseDistribution]]:
    """Return the distributions of a requested space by method and setting.

    ``settings``: the requested settings that are the same in all trials. Raises `RequestError` for a setting that does
    not exist, cannot be searched or is used by none of the methods, and for invalid values.
    """
    _refuse_both(content, settings)
    spaces: dict[str, dict[str, BaseDistribution]] = {method: {} for method in methods}
    for name, value in content.items():
        if name in METHODS:
            for inner, inner_value in _require_space_of_method(name, value, methods).items():
                setting = str(inner).replace("-", "_")
                spaces[name][setting] = _parse_dimension(setting, inner_value, name, settings)
        elif name != "method":
            users = [method for method in methods if _uses(method, _require_searchable(name))]
            if not users:
                raise RequestError(f"The space varies {name}, which --method {' '.join(methods)} does not use.")
            for method in users:
                spaces[method].setdefault(name, _parse_dimension(name, value, method, settings))
    return spaces


def _require_space_of_method(name: str, value: Any, methods: Sequence[str]) -> dict[Any, Any]:
    if name not in methods:
        raise RequestError(f"The space has values for {name}, which is none of its methods: {', '.join(methods)}.")
    if not isinstance(value, dict):
        raise RequestError(f"The space of {name} must be a mapping of settings, not {redacted_repr(value)}.")
    return value


def _require_searchable(name: str) -> str:
    """Return the name of a setting. Raises `RequestError` if it does not exist or must be the same in all trials."""
    if name == ALPHA_OVER_R:
        return name
    if name not in RunConfig.model_fields:
        candidates = [*RunConfig.model_fields, ALPHA_OVER_R, *METHODS]
        raise RequestError(
            f"The space varies '{name:.60}', which is no setting.{did_you_mean(name, candidates)}",
            code="unknown_setting",
        )
    if section_of(name) not in _SEARCHABLE_SECTIONS:
        raise RequestError(
            f"A search cannot vary {name}: all trials use the same data, base model and seed, so that their scores are "
            f"comparable. Pass {flag(name)} with one value.",
            code="not_searchable",
        )
    return name


def _uses(method: str, name: str) -> bool:
    fields = METHODS[method].peft_fields
    if name == ALPHA_OVER_R:
        return {"alpha", "r"} <= fields.keys()
    return section_of(name) == "training" or name in fields


def _parse_dimension(name: str, value: Any, method: str, settings: Mapping[str, Any]) -> BaseDistribution:
    if not _uses(method, _require_searchable(name)):
        raise RequestError(f"The space of {method} varies {name}, which it does not use.")
    distribution = _parse_range(name, value) if isinstance(value, dict) else None
    values = value if isinstance(value, list | tuple) else [value]
    if distribution is not None:
        values = [distribution.low, distribution.high]
    typed = [_validate(name, item, method, settings) for item in values]
    if not typed:
        raise RequestError(f"The space has no values for {name}. Add some, or remove the setting.", code="empty_space")
    return distribution or CategoricalDistribution(list(dict.fromkeys(typed)))


def _validate(name: str, value: Any, method: str, settings: Mapping[str, Any]) -> Any:
    """Return a value of a setting as Optuna can store it. Raises `RequestError` for an invalid one."""
    if value is None:
        return None
    if name == ALPHA_OVER_R:
        if _number(value) is None:
            raise RequestError(f"{name} must be a number, not {redacted_repr(value)}.")
        return _number(value)
    typed = getattr(make_config({**settings, "method": method, name: value}), name)
    typed = ",".join(typed) if isinstance(typed, tuple) else typed
    if not isinstance(typed, str | int | float | bool):
        raise RequestError(f"A search cannot vary {name}. Pass it as a flag.", code="not_searchable")
    return typed


def _number(value: Any) -> int | float | None:
    """Return a number of a YAML file, in which ``1e-4`` is a string; None if it is none."""
    try:
        return None if isinstance(value, bool) else value if isinstance(value, int | float) else float(value)
    except (TypeError, ValueError):
        return None


def _parse_range(name: str, value: dict[Any, Any]) -> FloatDistribution | IntDistribution:
    is_integer = _is_number(name, int)
    if not is_integer and not _is_number(name, float):
        raise RequestError(f"{name} takes no range. List its values in the space: {name}: [a, b]", code="invalid_range")
    unknown = value.keys() - _RANGE_KEYS
    if unknown or {"low", "high"} - value.keys():
        raise RequestError(
            f"The range of {name} must have low and high, and may have log; it has {', '.join(map(str, value))}.",
            code="invalid_range",
        )
    low, high, log = _number(value["low"]), _number(value["high"]), value.get("log", False)
    kind = int if is_integer else int | float
    if not isinstance(low, kind) or not isinstance(high, kind):
        noun = "integers" if is_integer else "numbers"
        raise RequestError(f"The ends of the range of {name} must be {noun}.", code="invalid_range")
    if not low < high or not isinstance(log, bool) or (log and low <= 0):
        raise RequestError(
            f"The range of {name} is invalid: low must be less than high, and positive if log is true.",
            code="invalid_range",
        )
    return IntDistribution(low, high, log=log) if is_integer else FloatDistribution(low, high, log=log)


def _is_number(name: str, kind: type) -> bool:
    if name == ALPHA_OVER_R:
        return kind is float
    return kind in set(_flatten(RunConfig.model_fields[name].annotation))


def _flatten(annotation: Any) -> Iterator[Any]:
    yield annotation
    if get_origin(annotation) is not None or get_args(annotation):
        for inner in get_args(annotation):
            yield from _flatten(inner)
