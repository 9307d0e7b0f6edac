"""Parse YAML that contains plain values only."""

import math
from typing import Any

import yaml

_PLAIN = tuple(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map"))
_DATE = "tag:yaml.org,2002:timestamp"


def parse_yaml(text: str) -> Any:
    """Parse YAML to None, booleans, numbers, strings, lists and mappings.

    Dates stay strings. Raises `ValueError` with the reason for malformed YAML, tags, aliases, duplicate keys, deep
    nesting, or values that JSON cannot represent.
    """
    try:
        value = _PlainLoader(text).get_single_data()
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except RecursionError:
        raise ValueError("its values are nested too deeply") from None
    except (ValueError, LookupError, TypeError) as error:  # a value that does not match its tag
        raise ValueError(f"it contains an invalid value ({str(error).partition(';')[0]})") from None
    require_json_values(value)
    return value


def require_json_values(value: Any) -> None:
    """Raise `ValueError` for values that JSON cannot represent: objects, non-finite numbers, complex keys."""
    if isinstance(value, dict):
        invalid = next((key for key in value if not isinstance(key, str | int | float | bool | None)), None)
        if invalid is not None:
            raise ValueError(f"a key must be a string: {invalid!r:.60}")
        for inner in value.values():
            require_json_values(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            require_json_values(inner)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    elif not isinstance(value, str | int | float | None):
        raise ValueError(f"a {type(value).__name__} is not a plain value: {value!r:.60}")


class _PlainLoader(yaml.SafeLoader):
    """Load plain values only. Aliases are refused: a few lines of them could exhaust the memory."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not supported: repeat the value", problem_mark=mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        values: dict[Any, Any] = super().construct_mapping(node, deep)
        if len(values) < len(node.value):
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            duplicate = next(key for key in keys if keys.count(key) > 1)
            raise yaml.MarkedYAMLError(problem=f"duplicate key '{duplicate!s:.60}'", problem_mark=node.start_mark)
        return values


_PlainLoader.yaml_constructors = {
    tag: constructor for tag, constructor in yaml.SafeLoader.yaml_constructors.items() if tag in _PLAIN or tag is None
}
_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _DATE]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
