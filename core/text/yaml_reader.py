"""YAML as a person writes settings in it: plain values, and nothing that makes more of itself."""

import math
from typing import Any

import yaml

_PLAIN = tuple(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map"))
_DATE = "tag:yaml.org,2002:timestamp"


def parse_yaml(text: str) -> Any:
    """Return what a YAML text says: None, truths, numbers, words, lists and mappings.

    A date stays the words that it is. Raises `ValueError`, in words, for what is no YAML, has tags or
    aliases, names a key twice in one mapping, is nested too deeply, or holds what JSON can't.
    """
    try:
        value = _Plain(text).get_single_data()
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except RecursionError:
        raise ValueError("its values are nested too deeply") from None
    except (ValueError, LookupError, TypeError) as error:  # of a value that is not what its tag says
        raise ValueError(f"it holds a value that can't be read ({str(error).partition(';')[0]})") from None
    require_json_values(value)
    return value


def require_json_values(value: Any) -> None:
    """Raise `ValueError` for values that no JSON can hold: objects, numbers without a value, keys that are no words."""
    if isinstance(value, dict):
        odd = next((key for key in value if not isinstance(key, str | int | float | bool | None)), None)
        if odd is not None:
            raise ValueError(f"a key should be a word: {odd!r:.60}")
        for inner in value.values():
            require_json_values(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            require_json_values(inner)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    elif not isinstance(value, str | int | float | None):
        raise ValueError(f"a {type(value).__name__} is no plain value: {value!r:.60}")


class _Plain(yaml.SafeLoader):
    """Knows plain values alone; no aliases, which a few lines of can fill the memory."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem="an alias (*name) can't be used here: write it out", problem_mark=mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        values: dict[Any, Any] = super().construct_mapping(node, deep)
        if len(values) < len(node.value):
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise yaml.MarkedYAMLError(problem=f"'{twice!s:.60}' stands there twice", problem_mark=node.start_mark)
        return values


_Plain.yaml_constructors = {
    tag: make for tag, make in yaml.SafeLoader.yaml_constructors.items() if tag in _PLAIN or tag is None
}
_Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != _DATE]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
