"""Share one base model in memory between several adapters."""

import itertools
import json
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray
from peft import PeftModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.catalog.capabilities import probe_result
from core.catalog.lora_init import INITS
from core.catalog.methods import METHODS
from core.config import RunConfig
from core.models.adapters import check_adapter
from core.models.backbone import require_backbone, silence_libraries
from core.models.classifier import SavedClassifier
from core.models.fine_tuned import AdaptedClassifier, load_adapted
from core.models.neural_classifier import NeuralClassifier
from core.models.tokenizers import load_run_tokenizer

_Load = Callable[[], AdaptedClassifier]

_PROVENANCE_FIELDS = {"auto_mapping", "base_model_name_or_path", "peft_version", "revision"}
_MAY_DIFFER = {
    "lora": {
        *("r", "lora_alpha", "lora_dropout", "init_lora_weights"),
        *("target_modules", "rank_pattern", "alpha_pattern"),
    }
}
"""Fields of an adapter's config that may differ between adapters that share a base, by method."""
_UNCHANGED_BASE = {"bias": "none", "layer_replication": None, "kasa_config": None}
_HARMLESS_INITS = {True, False} | {
    name for name, init in INITS.items() if init.quantized != "4bit" and not init.mutates
}


class BaseModelCache:
    """Cache base models in memory with the adapters that share them.

    A base model is released with its last classifier.
    """

    def __init__(self) -> None:
        self._shared: WeakValueDictionary[Hashable, _SharedBase] = WeakValueDictionary()
        self._lock = Lock()

    def load(self, saved: SavedClassifier) -> NeuralClassifier:
        """Load an adapter, onto a cached base model if it can share one."""
        config, folder, backbone = saved.config, saved.folder, require_backbone(saved.backbone)
        check_adapter(folder, config.method, backbone)
        if not can_share(config, folder):
            return load_adapted(saved)
        key = (
            backbone.path,
            backbone.revision,
            backbone.pooling,
            len(saved.labels),
            config.method,
            _shared_fields(config, folder),
        )
        load = partial(load_adapted, saved)
        with self._lock:  # another thread may be loading the base
            shared = self._shared.get(key)
            if shared is not None and shared.is_usable:
                with suppress(Exception):  # loading onto a new base raises the error if the adapter caused it
                    return shared.add(folder, load_run_tokenizer(config, backbone), load)
            first = load()
            shared = self._shared[key] = _SharedBase(first.model)
            return shared.classifier("default", first.tokenizer, load)


def can_share(config: RunConfig, folder: Path) -> bool:
    """Return whether an adapter leaves its base unchanged, so that others can share it.

    The probe determines which methods can. Excluded are quantized bases, trained biases, and adapters that change the
    layers or weights of the base when loaded. PiSSA, OLoRA and similar are saved as LoRA of the unchanged base.
    """
    if config.quantize or METHODS[config.method].prompts or not probe_result(config.method, "shares").works:
        return False
    settings = _read_adapter_config(folder)
    is_unchanged = all(settings.get(name, value) == value for name, value in _UNCHANGED_BASE.items())
    return is_unchanged and settings.get("init_lora_weights", True) in _HARMLESS_INITS


def _shared_fields(config: RunConfig, folder: Path) -> str:
    """Return the config fields that must be equal for adapters that share a base, as JSON."""
    may_differ = _PROVENANCE_FIELDS | _MAY_DIFFER.get(config.method, set())
    settings = {
        name: _sort_names(value) for name, value in _read_adapter_config(folder).items() if name not in may_differ
    }
    return json.dumps(settings, sort_keys=True)


def _sort_names(value: Any) -> Any:
    """Sort a list of names, which peft stores as an unordered set; return other values unchanged."""
    is_names = isinstance(value, list) and all(isinstance(name, str) for name in value)
    return sorted(set(value)) if is_names else value


def _read_adapter_config(folder: Path) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    return settings


class _SharedBase:
    """A base model with several adapters, of which one is active.

    ``is_usable`` is False after an adapter failed to load, which leaves the base in an unknown state.
    """

    def __init__(self, model: PeftModel) -> None:
        self.model = model
        self.lock = Lock()
        self.is_usable = True
        self._names = (f"adapter{number}" for number in itertools.count(1))
        self._adapters: WeakValueDictionary[str, _SharedClassifier] = WeakValueDictionary()

    def classifier(self, name: str, tokenizer: PreTrainedTokenizerBase, load: _Load) -> NeuralClassifier:
        """Return a classifier with the adapter of this name."""
        self._adapters[name] = classifier = _SharedClassifier(self, name, tokenizer, load)
        return classifier

    def add(self, folder: Path, tokenizer: PreTrainedTokenizerBase, load: _Load) -> NeuralClassifier:
        """Load another adapter, and delete unused ones."""
        name = next(self._names)
        with self.lock, silence_libraries():
            self.is_usable = False
            self.model.load_adapter(folder, name)
            self.switch_to(name)
            for unused in set(self.model.peft_config) - {name, *self._adapters}:
                self.model.delete_adapter(unused)
            self.is_usable = True
            return self.classifier(name, tokenizer, load)

    def switch_to(self, name: str) -> None:
        """Activate an adapter with its head; the caller must have acquired the lock."""
        if self.model.active_adapter != name:
            self.model.set_adapter(name, inference_mode=True)


class _SharedClassifier(NeuralClassifier):
    """An adapter with its head on a shared base; it is reloaded onto a private base if the shared one is unusable."""

    def __init__(self, shared: _SharedBase, name: str, tokenizer: PreTrainedTokenizerBase, load: _Load) -> None:
        super().__init__(shared.model, tokenizer)
        self._base, self._name, self._load = shared, name, load

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return logits [n, k], in the order of the texts; other adapters of the base are blocked."""
        with self._base.lock:
            if not self._base.is_usable:
                self._base, self._name = _SharedBase(self._load().model), "default"
                self.model = self._base.model
            self._base.switch_to(self._name)
            return super().logits(texts)
