"""Adapters of one base in one process: the base is in memory once, and switches to the adapter that answers."""

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

_NAMING = {"auto_mapping", "base_model_name_or_path", "peft_version", "revision"}
_MAY_DIFFER = {
    "lora": {
        *("r", "lora_alpha", "lora_dropout", "init_lora_weights"),
        *("target_modules", "rank_pattern", "alpha_pattern"),
    }
}
"""What each adapter on a base can have its own way, by method; in all else those that share are set alike."""
_LEAVES_BASE = {"bias": "none", "layer_replication": None, "kasa_config": None}
_HARMLESS_INITS = {True, False} | {
    name for name, init in INITS.items() if init.quantized != "4bit" and not init.mutates
}


class BaseModelCache:
    """The base models in memory, each with the adapters that share it.

    A base lives as long as one of its classifiers does: who keeps a few classifiers keeps few bases.
    """

    def __init__(self) -> None:
        self._shared: WeakValueDictionary[Hashable, _SharedBase] = WeakValueDictionary()
        self._lock = Lock()

    def load(self, saved: SavedClassifier) -> NeuralClassifier:
        """Load an adapter, onto a base that is in memory already where the two can share it."""
        config, folder, backbone = saved.config, saved.folder, require_backbone(saved.backbone)
        check_adapter(folder, config.method, backbone)
        if not can_share(config, folder):
            return load_adapted(saved)
        key = (backbone.path, backbone.revision, len(saved.labels), config.method, _alike(config, folder))
        load = partial(load_adapted, saved)
        with self._lock:  # who asks for a base that is being loaded waits for it
            shared = self._shared.get(key)
            if shared is not None and shared.sound:
                with suppress(Exception):  # whatever it was, a fresh base shows whether the adapter itself is at fault
                    return shared.add(folder, load_run_tokenizer(config, backbone), load)
            first = load()
            shared = self._shared[key] = _SharedBase(first.model)
            return shared.classifier("default", first.tokenizer, load)


def can_share(config: RunConfig, folder: Path) -> bool:
    """Tell whether an adapter leaves its base as it is, so that others can sit on it too.

    The probe says which methods do. Not an adapter on a quantised base, nor one that trained the
    base's biases, or that changes the base's layers or weights when it is put on. PiSSA, OLoRA and
    the like changed them in training, but are saved as plain LoRA of the unchanged base: they share.
    """
    if config.quantize or METHODS[config.method].prompts or not probe_result(config.method, "shares").works:
        return False
    written = _written(folder)
    leaves = all(written.get(name, value) == value for name, value in _LEAVES_BASE.items())
    return leaves and written.get("init_lora_weights", True) in _HARMLESS_INITS


def _alike(config: RunConfig, folder: Path) -> str:
    """Return what has to be the same in the settings of adapters that share a base."""
    own = _NAMING | _MAY_DIFFER.get(config.method, set())
    settings = {name: _in_order(value) for name, value in _written(folder).items() if name not in own}
    return json.dumps(settings, sort_keys=True)


def _in_order(value: Any) -> Any:
    """Return a list of names, which peft keeps as a set and writes in any order, sorted; all else as it is."""
    names = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return sorted(set(value)) if names else value


def _written(folder: Path) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    return settings


class _SharedBase:
    """A base with adapters on it, of which one answers at a time.

    It is ``sound`` unless an adapter could not be put on: what that left on the base is unknown.
    """

    def __init__(self, model: PeftModel) -> None:
        self.model = model
        self.lock = Lock()
        self.sound = True
        self._names = (f"adapter{number}" for number in itertools.count(1))
        self._living: WeakValueDictionary[str, _Sharing] = WeakValueDictionary()

    def classifier(self, name: str, tokenizer: PreTrainedTokenizerBase, load: _Load) -> NeuralClassifier:
        """Return what answers with the adapter of this name."""
        self._living[name] = made = _Sharing(self, name, tokenizer, load)
        return made

    def add(self, folder: Path, tokenizer: PreTrainedTokenizerBase, load: _Load) -> NeuralClassifier:
        """Put another adapter on the base, and take off those that nobody holds any more."""
        name = next(self._names)
        with self.lock, silence_libraries():
            self.sound = False
            self.model.load_adapter(folder, name)
            self.switch_to(name)
            for forgotten in set(self.model.peft_config) - {name, *self._living}:
                self.model.delete_adapter(forgotten)
            self.sound = True
            return self.classifier(name, tokenizer, load)

    def switch_to(self, name: str) -> None:
        """Make an adapter, with its head, the one that answers; to be called under the lock."""
        if self.model.active_adapter != name:
            self.model.set_adapter(name, inference_mode=True)


class _Sharing(NeuralClassifier):
    """An adapter, with its head, on a base that it shares; loaded anew, on one of its own, if that is damaged."""

    def __init__(self, shared: _SharedBase, name: str, tokenizer: PreTrainedTokenizerBase, load: _Load) -> None:
        super().__init__(shared.model, tokenizer)
        self._base, self._name, self._load = shared, name, load

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return logits [n, k], in the order of the texts; other adapters of the base wait meanwhile."""
        with self._base.lock:
            if not self._base.sound:
                self._base, self._name = _SharedBase(self._load().model), "default"
                self.model = self._base.model
            self._base.switch_to(self._name)
            return super().logits(texts)
