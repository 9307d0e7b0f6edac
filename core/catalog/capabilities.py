"""What each method supports with the probed package versions: training, reloading, merging, sharing a base."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FILE = Path(__file__).parent / "capabilities.json"
MODELS = ("encoder", "gpt2")
"""The probed models: a BERT, and a GPT-2 with its Conv1D layers."""
PACKAGES = ("peft", "transformers", "torch", "bitsandbytes")
"""Packages whose versions affect the results."""
USABLE = ("trains", "reloads")
ASPECTS = (*USABLE, "merges", "shares", "bfloat16", "8bit", "4bit")
"""The probed aspects: training, reloading, merging, sharing a base, and reduced-precision bases."""


@dataclass(frozen=True)
class ProbeResult:
    """The result of one probe; ``reason`` is the library's error if it failed."""

    works: bool
    reason: str = ""


@dataclass(frozen=True)
class Capabilities:
    """Results by method, model and aspect, and the package versions they were obtained with."""

    versions: dict[str, str | None]
    results: dict[str, dict[str, dict[str, ProbeResult]]]

    def is_usable(self, method: str, model: str) -> bool:
        """Return whether a method trains on a model and gives the same predictions after reloading."""
        return all(self.results[method][model][aspect].works for aspect in USABLE)

    def usable_methods(self, model: str) -> list[str]:
        """Return the methods that are usable on a model."""
        return [method for method in self.results if self.is_usable(method, model)]


@lru_cache(maxsize=1)
def load_capabilities() -> Capabilities:
    """Load the shipped table."""
    stored = json.loads(FILE.read_text(encoding="utf-8"))
    return Capabilities(
        stored["versions"],
        {
            method: {
                model: {aspect: ProbeResult(reason is None, reason or "") for aspect, reason in aspects.items()}
                for model, aspects in models.items()
            }
            for method, models in stored["methods"].items()
        },
    )


def save_capabilities(capabilities: Capabilities) -> None:
    """Replace the shipped table."""
    methods = {
        method: {
            model: {aspect: None if result.works else result.reason for aspect, result in aspects.items()}
            for model, aspects in models.items()
        }
        for method, models in capabilities.results.items()
    }
    text = json.dumps({"versions": capabilities.versions, "methods": methods}, indent=1, ensure_ascii=False)
    temporary = FILE.with_suffix(".new")
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(FILE)
    load_capabilities.cache_clear()


def probe_result(method: str, aspect: str, model: str = "encoder") -> ProbeResult:
    """Return the result for one aspect of a method; for an unprobed method, a failure."""
    by_model = load_capabilities().results.get(method)
    return by_model[model][aspect] if by_model else ProbeResult(False, "it has not been probed")
