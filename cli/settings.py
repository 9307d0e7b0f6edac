"""Flags and config files for the settings of a run: a flag for every field of `RunConfig`."""

import argparse
import itertools
from collections.abc import Collection, Iterable
from typing import Any, Literal, get_args, get_origin

from cli.arguments import Parser, StoreOnce, non_empty
from core.catalog.lora_init import INITS
from core.config import PAIR_SETTINGS, RunConfig, flag, section_of
from core.errors import RequestError
from core.system.files import parse_user_path

_MAX_CONFIG_BYTES = 100_000
_CONTENTS = {
    "--config": "settings. Expected lines such as 'r: 8' or 'seed: [1, 2, 3]'",
    "--merge-labels": "labels. Expected lines such as 'Neg: neg'",
}
"""What the YAML files of these flags contain, for messages."""
_METHOD_EXAMPLES = ["lora", "ia3", "full", "tfidf", "..."]
SECTIONS = {
    "method": "method",
    "data": "data",
    "model": "model",
    "adapter": "adapter",
    "training": "training",
    "seed": "random seed",
}
"""Titles of the sections of ``--help-all``, by section of `RunConfig`."""


class _Switch(StoreOnce):
    """A boolean setting: ``--dora``, ``--no-dora``, or ``--dora true false`` for a grid of both."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        if option is not None and option.startswith("--no-") and option != flag(self.dest):
            if values:
                parser.error(f"{option} takes no value, but got {' '.join(values)}")
            values = [False]
        super().__call__(parser, namespace, values or [True], option)


def add_settings(parser: Parser, *, without: Collection[str] = ()) -> None:
    """Add a flag for every field of `RunConfig` except those of ``without``, by section, and ``--config``."""
    groups = {name: parser.add_argument_group(title) for name, title in SECTIONS.items()}
    for name, field in RunConfig.model_fields.items():
        if name in without:
            continue
        switch = field.annotation is bool
        groups[section_of(name)].add_argument(
            *([flag(name), flag(f"no_{name}")] if switch and not name.startswith("no_") else [flag(name)]),
            dest=name,
            nargs="*" if switch else "+",
            action=_Switch if switch else "extend" if name in PAIR_SETTINGS else "store",
            metavar="" if switch else _metavar(name),
            help=f"{field.description}{_format_default(field.default)}",
        )
    parser.add_argument("--config", type=non_empty, metavar="FILE", help="YAML file of settings; flags override it")


def requested_values(arguments: argparse.Namespace) -> dict[str, list[Any]]:
    """Return the values of every requested setting; flags override the config file."""
    values = _read_config_file(arguments.config) if arguments.config else {}
    flags = {name: getattr(arguments, name, None) for name in RunConfig.model_fields}
    return values | {name: _grid_values(name, given) for name, given in flags.items() if given is not None}


def _grid_values(name: str, values: list[Any]) -> list[Any]:
    """Return a setting's values; ``key=value`` pairs with different keys form one value, with the same key a grid."""
    if name not in PAIR_SETTINGS:
        return values
    if name == "merge_labels" and len(values) == 1 and "=" not in values[0]:
        return [_read_yaml_mapping(flag(name), values[0])]
    by_key: dict[str, list[str]] = {}
    for pair in values:
        by_key.setdefault(pair.partition("=")[0], []).append(pair)
    return list(itertools.product(*by_key.values()))


def _metavar(name: str) -> str:
    """Return the metavar of a setting: its choices, its type, or the last word of its name."""
    annotation = RunConfig.model_fields[name].annotation
    types = _flatten(annotation)
    choices = {"method": _METHOD_EXAMPLES, "init": [*INITS]}.get(
        name, [item for item in types if isinstance(item, str)]
    )
    if name in PAIR_SETTINGS:
        return "KEY=VALUE"
    if choices and int not in types and float not in types:
        return f"{{{','.join(choices)}}}"
    kind = next((kind.__name__.upper() for kind in (int, float) if kind in types), name.rsplit("_", 1)[-1].upper())
    return "|".join([kind, *choices])


def _flatten(annotation: Any) -> list[Any]:
    """Return the types of an annotation and the values of its literals."""
    inner: Iterable[Any] = get_args(annotation)
    if get_origin(annotation) is Literal:
        return list(inner)
    return [annotation, *itertools.chain.from_iterable(map(_flatten, inner))]


def _format_default(value: Any) -> str:
    # Booleans default to False; the description states defaults that depend on the method.
    return f" (default: {value})" if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _read_config_file(path: str) -> dict[str, list[Any]]:
    """Return the values of each setting in a YAML file."""
    values: dict[str, list[Any]] = {}
    for key, value in _read_yaml_mapping("--config", path).items():
        name = str(key).replace("-", "_")
        if name in values:
            raise RequestError(f"--config {path}: {name} is set twice.")
        if value is not None:
            values[name] = _config_values(path, name, value)
    return values


def _read_yaml_mapping(flag_name: str, path: str) -> dict[Any, Any]:
    """Return the mapping in a YAML file. Raise `RequestError` if there is none."""
    from core.text.yaml_reader import parse_yaml  # only these flags need PyYAML

    try:
        content = parse_yaml(_read_limited(flag_name, path))
    except OSError as error:
        raise RequestError(f"{flag_name} {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise RequestError(f"{flag_name} {path} is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise RequestError(f"{flag_name} {path} contains no {_CONTENTS[flag_name]}.")
    return content


def _read_limited(flag_name: str, path: str) -> str:
    file = parse_user_path(flag_name, path)
    if file.exists() and not file.is_file():
        raise RequestError(f"{flag_name} {path} is not a regular file. Save it as a YAML file.")
    with file.open("rb") as opened:
        content = opened.read(_MAX_CONFIG_BYTES + 1)
    if len(content) > _MAX_CONFIG_BYTES:
        raise RequestError(f"{flag_name} {path} is larger than {_MAX_CONFIG_BYTES:,} bytes. Is it the correct file?")
    return content.decode("utf-8-sig")


def _config_values(path: str, name: str, value: Any) -> list[Any]:
    """Return the values of a setting in a config file: a list is a grid, like several values of a flag."""
    if value == []:
        raise RequestError(f"--config {path}: {name} is an empty list. Add a value or remove the setting.")
    values = value if isinstance(value, list) else [value]
    return _grid_values(name, values) if all(isinstance(item, str) for item in values) else values
