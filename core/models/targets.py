"""Select the target modules of an adapter by inspecting the model, with the reason."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from peft.utils import constants as peft_tables
from torch import nn
from transformers.pytorch_utils import Conv1D

from core.catalog.method import Targets
from core.errors import RequestError, did_you_mean

ALL_LINEAR = "all-linear"

_PROJECTIONS = (
    ("query", "key", "value"),
    ("q_proj", "k_proj", "v_proj"),
    ("query_proj", "key_proj", "value_proj"),
    ("q_lin", "k_lin", "v_lin"),
    ("q", "k", "v"),
    ("query_key_value",),
    ("qkv_proj",),
    ("Wqkv",),
    ("c_attn",),
    ("in_proj",),
)
"""Common names of the query, key and value projections; a single name if they are fused."""

_PEFT_TABLES = {
    "attention": peft_tables.TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING,
    "feedforward": peft_tables.TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING,
}
_PEFT_FEEDFORWARD = peft_tables.TRANSFORMERS_MODELS_TO_IA3_FEEDFORWARD_MODULES_MAPPING

_ATTENTION = re.compile("attn|attention", re.IGNORECASE)
_NUMBERED = re.compile(r".*\.\d+\.")


@dataclass(frozen=True)
class TargetModules:
    """The target modules, in the form of peft's ``target_modules``, and why they were selected.

    A name matches every module whose full name ends with it; none of these is in the head. ``feedforward``: the names
    outside attention, whose inputs (IA)³ scales.
    """

    modules: tuple[str, ...]
    feedforward: tuple[str, ...]
    reason: str


def choose_targets(
    model: nn.Module,
    kind: Targets | None,
    requested: Sequence[str] | None,
    model_name: str,
    new_modules: Sequence[str] = (),
) -> TargetModules:
    """Choose the target modules of a kind in a classification model, or the requested ones.

    The head is excluded: everything outside the model's body, and ``new_modules``. Raises `RequestError` for a
    requested module that is not in the body.
    """
    if kind is None:
        return TargetModules((), (), "the method adapts no modules")
    index = _ModuleIndex(model, kind, new_modules)
    if requested:
        return _select_requested(index, requested, model_name)
    if kind == "norms":
        return index.select(index.shortest_suffixes(index.body), "all layer norms except those of the head")
    if kind == "linear":
        return _select_blocks(index)
    return _select_by_peft(index) or _select_by_name(index) or _select_all_linear(index)


class _ModuleIndex:
    """Full names of a model's modules of one kind, in its ``body`` and its ``head``."""

    def __init__(self, model: nn.Module, kind: Targets, new_modules: Sequence[str]) -> None:
        config: Any = model.config
        self.kind = kind
        self.architecture = str(config.model_type)
        self.width = int(config.get_text_config().hidden_size)
        self.modules = dict(model.named_modules())
        prefix = f"{model.base_model_prefix}."
        names = [name for name, module in self.modules.items() if _is_of_kind(kind, module)]
        new = tuple(f"{name}." for name in new_modules)
        self.body = [name for name in names if name.startswith(prefix) and not f"{name}.".startswith(new)]
        self.head = set(names) - set(self.body)

    def matches(self, name: str) -> list[str]:
        """Return the modules of the body that a name matches."""
        return [full for full in self.body if f".{full}".endswith(f".{name}")]

    def exclude_head(self, name: str) -> list[str]:
        """Return the name or, if it also matches a module of the head, longer names that do not."""
        in_head = any(f".{full}".endswith(f".{name}") for full in self.head)
        return self.shortest_suffixes(self.matches(name)) if in_head else [name]

    def shortest_suffixes(self, modules: Iterable[str]) -> list[str]:
        """Return the shortest suffixes of full names that match these modules and no others."""
        modules = list(modules)
        others = {suffix for name in self.modules.keys() - set(modules) for suffix in _suffixes(name)}
        shortest = (next((suffix for suffix in _suffixes(name) if suffix not in others), name) for name in modules)
        return list(dict.fromkeys(shortest))

    def select(self, names: Iterable[str], reason: str, feedforward: Sequence[str] | None = None) -> TargetModules:
        """Return these names as target modules; the feed-forward ones are detected unless given."""
        names = tuple(body_name for name in names for body_name in self.exclude_head(name))
        if feedforward is None and self.kind == "feedforward":
            feedforward = [name for name in names if not all(map(_ATTENTION.search, self.matches(name)))]
        return TargetModules(names, tuple(feedforward or ()), reason)


def _select_requested(index: _ModuleIndex, requested: Sequence[str], model_name: str) -> TargetModules:
    if ALL_LINEAR in requested:
        return index.select(index.shortest_suffixes(index.body), "as requested: every linear layer except the head")
    for name in requested:
        if not index.matches(name):
            kinds = sorted({_suffixes(full)[0] for full in index.body})
            noun = "layer norms" if index.kind == "norms" else "linear modules"
            raise RequestError(
                f"--target-modules '{name}' is not in {model_name}. Its {noun}: {', '.join(kinds)}."
                f"{did_you_mean(name, kinds)}"
            )
    return index.select(requested, "as requested")


def _select_blocks(index: _ModuleIndex) -> TargetModules:
    """Select the linear layers of the numbered blocks.

    A pooler or a projection of the embeddings is left out: peft's initializations by data, CorDA and EVA, fail on
    layers that do not see a sequence.
    """
    blocks = [name for name in index.body if _NUMBERED.match(name)]
    if not blocks:
        return index.select(
            index.shortest_suffixes(index.body), "every linear layer except the head: the model has no numbered blocks"
        )
    return index.select(index.shortest_suffixes(blocks), "every linear layer of the transformer blocks")


def _select_by_peft(index: _ModuleIndex) -> TargetModules | None:
    """Return peft's default for the architecture if the model has all its modules."""
    names = _PEFT_TABLES[index.kind].get(index.architecture)
    if not isinstance(names, list) or not all(map(index.matches, names)):
        return None
    feedforward = _PEFT_FEEDFORWARD.get(index.architecture) if index.kind == "feedforward" else None
    return index.select(names, f"peft's default for {index.architecture}", feedforward)


def _select_by_name(index: _ModuleIndex) -> TargetModules | None:
    """Select the projections by their common names, and the feed-forward output layer by its shape."""
    projections = next((names for names in _PROJECTIONS if all(map(index.matches, names))), None)
    if projections is None:
        return None
    is_fused = len(projections) == 1
    fused = "query, key and value in one layer"
    if index.kind == "attention":
        return index.select(projections[::2], fused if is_fused else "query and value")
    outputs = dict.fromkeys(_NUMBERED.sub("", name) for name in _feedforward_outputs(index))
    reason = f"{fused if is_fused else 'key and value'}, and the feed-forward output"
    return index.select([*projections[-2:], *outputs], reason)


def _feedforward_outputs(index: _ModuleIndex) -> list[str]:
    """Return the layers outside attention that project another width to the hidden size."""

    def projects_to_hidden(name: str) -> bool:
        module: Any = index.modules[name]
        input_size, output_size = (
            (module.nx, module.nf) if isinstance(module, Conv1D) else (module.in_features, module.out_features)
        )
        return bool(output_size == index.width != input_size)

    return [n for n in index.body if _NUMBERED.search(n) and not _ATTENTION.search(n) and projects_to_hidden(n)]


def _select_all_linear(index: _ModuleIndex) -> TargetModules:
    return index.select(
        index.shortest_suffixes(index.body),
        f"every linear layer except the head: {index.architecture} has no layers with common names of query and value",
    )


def _is_of_kind(kind: Targets, module: nn.Module) -> bool:
    if kind == "norms":
        return "norm" in type(module).__name__.lower() and any(True for _ in module.parameters(recurse=False))
    return isinstance(module, nn.Linear | Conv1D)


def _suffixes(name: str) -> list[str]:
    """Return ``c``, ``b.c``, ``a.b.c`` for ``a.b.c``."""
    parts = name.split(".")
    return [".".join(parts[start:]) for start in reversed(range(len(parts)))]
