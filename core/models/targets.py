"""Which modules of a model an adapter sits on: chosen by looking at the model, with the reason in words."""

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
"""The usual names of the query's, key's and value's projections; one name where the three are one layer."""

_PEFT_TABLES = {
    "attention": peft_tables.TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING,
    "feedforward": peft_tables.TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING,
}
_PEFT_FEEDFORWARD = peft_tables.TRANSFORMERS_MODELS_TO_IA3_FEEDFORWARD_MODULES_MAPPING

_ATTENTION = re.compile("attn|attention", re.IGNORECASE)
_NUMBERED = re.compile(r".*\.\d+\.")


@dataclass(frozen=True)
class Chosen:
    """The modules to adapt, as peft's ``target_modules`` takes them, and why these.

    A name stands for every module whose full name ends with it; none of these is in the head.
    ``feedforward`` are the names of those outside attention: (IA)³ scales what goes into them.
    """

    modules: tuple[str, ...]
    feedforward: tuple[str, ...]
    reason: str


def choose_targets(
    model: nn.Module,
    kind: Targets | None,
    asked: Sequence[str] | None,
    model_name: str,
    new_modules: Sequence[str] = (),
) -> Chosen:
    """Choose the modules of a kind in a classification model; or take those that are asked for.

    The head is left out: what lies outside the model's body, and ``new_modules``. Raises
    `RequestError` where a module that is asked for is not in the body.
    """
    if kind is None:
        return Chosen((), (), "the method adapts no modules")
    seen = _Seen(model, kind, new_modules)
    if asked:
        return _as_asked(seen, asked, model_name)
    if kind == "norms":
        return seen.chosen(seen.ends(seen.body), "all layer norms but the head's")
    return _by_peft(seen) or _by_name(seen) or _all_linear(seen)


class _Seen:
    """What is to be seen of a model: the full names of its modules of one kind, in ``body`` and in ``head``."""

    def __init__(self, model: nn.Module, kind: Targets, new_modules: Sequence[str]) -> None:
        config: Any = model.config
        self.kind = kind
        self.architecture = str(config.model_type)
        self.width = int(config.get_text_config().hidden_size)
        self.modules = dict(model.named_modules())
        prefix = f"{model.base_model_prefix}."
        found = [name for name, module in self.modules.items() if _is_of(kind, module)]
        new = tuple(f"{name}." for name in new_modules)
        self.body = [name for name in found if name.startswith(prefix) and not f"{name}.".startswith(new)]
        self.head = set(found) - set(self.body)

    def of(self, name: str) -> list[str]:
        """Return the body's modules that a name stands for."""
        return [full for full in self.body if f".{full}".endswith(f".{name}")]

    def without_head(self, name: str) -> list[str]:
        """Return the name; where it would stand for a module of the head too, longer ones."""
        in_head = any(f".{full}".endswith(f".{name}") for full in self.head)
        return self.ends(self.of(name)) if in_head else [name]

    def ends(self, wanted: Iterable[str]) -> list[str]:
        """Return the shortest ends of full names that stand for the wanted modules and no others."""
        wanted = list(wanted)
        taken = {end for full in self.modules.keys() - set(wanted) for end in _ends(full)}
        return list(dict.fromkeys(next((end for end in _ends(full) if end not in taken), full) for full in wanted))

    def chosen(self, names: Iterable[str], reason: str, feedforward: Sequence[str] | None = None) -> Chosen:
        """Return the choice of these names; the feed-forward ones are found where they are not given."""
        names = tuple(name for one in names for name in self.without_head(one))
        if feedforward is None and self.kind == "feedforward":
            feedforward = [name for name in names if not all(map(_ATTENTION.search, self.of(name)))]
        return Chosen(names, tuple(feedforward or ()), reason)


def _as_asked(seen: _Seen, asked: Sequence[str], model_name: str) -> Chosen:
    if ALL_LINEAR in asked:
        return seen.chosen(seen.ends(seen.body), "as asked: every linear layer but the head's")
    for name in asked:
        if not seen.of(name):
            kinds = sorted({_ends(full)[0] for full in seen.body})
            told = "layer norms" if seen.kind == "norms" else "linear modules"
            raise RequestError(
                f"--target-modules '{name}' is not in {model_name}. Its {told}: {', '.join(kinds)}."
                f"{did_you_mean(name, kinds)}"
            )
    return seen.chosen(asked, "as asked")


def _by_peft(seen: _Seen) -> Chosen | None:
    """Take peft's own choice for the architecture where the model has all its modules."""
    names = _PEFT_TABLES[seen.kind].get(seen.architecture)
    if not isinstance(names, list) or not all(map(seen.of, names)):
        return None
    feedforward = _PEFT_FEEDFORWARD.get(seen.architecture) if seen.kind == "feedforward" else None
    return seen.chosen(names, f"peft's own choice for {seen.architecture}", feedforward)


def _by_name(seen: _Seen) -> Chosen | None:
    """Find the projections by their usual names, and the feed-forward's output layer by its shape."""
    found = next((names for names in _PROJECTIONS if all(map(seen.of, names))), None)
    if found is None:
        return None
    fused = len(found) == 1
    if seen.kind == "attention":
        return seen.chosen(found[::2], "query, key and value in one layer" if fused else "query and value")
    told = "query, key and value in one layer" if fused else "key and value"
    outputs = dict.fromkeys(_NUMBERED.sub("", name) for name in _feedforward_outputs(seen))
    return seen.chosen([*found[-2:], *outputs], f"{told}, and the feed-forward's output")


def _feedforward_outputs(seen: _Seen) -> list[str]:
    """Return the layers that bring another width back to the hidden one, in a numbered layer and not in attention."""

    def brings_back(name: str) -> bool:
        module: Any = seen.modules[name]
        inner, outer = (
            (module.nx, module.nf) if isinstance(module, Conv1D) else (module.in_features, module.out_features)
        )
        return bool(outer == seen.width != inner)

    return [n for n in seen.body if _NUMBERED.search(n) and not _ATTENTION.search(n) and brings_back(n)]


def _all_linear(seen: _Seen) -> Chosen:
    return seen.chosen(
        seen.ends(seen.body),
        f"every linear layer but the head's: {seen.architecture} has no layers with the usual names of query and value",
    )


def _is_of(kind: Targets, module: nn.Module) -> bool:
    if kind == "norms":
        return "norm" in type(module).__name__.lower() and any(True for _ in module.parameters(recurse=False))
    return isinstance(module, nn.Linear | Conv1D)


def _ends(name: str) -> list[str]:
    """Return ``c``, ``b.c``, ``a.b.c`` for ``a.b.c``."""
    parts = name.split(".")
    return [".".join(parts[start:]) for start in reversed(range(len(parts)))]
