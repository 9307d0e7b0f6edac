"""What the probe found: whether each method of a peft version trains, comes back, merges, shares a base."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FILE = Path(__file__).parent / "capabilities.json"
MODELS = ("encoder", "gpt2")
"""The models that every method is tried on: a BERT, and a GPT-2 with its own kind of layers."""
PACKAGES = ("peft", "transformers", "torch", "bitsandbytes")
"""What the findings depend on."""
USABLE = ("trains", "reloads")
ASPECTS = (*USABLE, "merges", "shares", "bfloat16", "8bit", "4bit")
"""What is tried: a step of training, saving and loading again, merging, sharing a base, bases in fewer bits."""


@dataclass(frozen=True)
class Verdict:
    """What became of one try; ``reason`` is the library's own where it failed."""

    works: bool
    reason: str = ""


@dataclass(frozen=True)
class Probed:
    """The table: verdicts by method, model and aspect, and the versions that they hold for."""

    versions: dict[str, str | None]
    verdicts: dict[str, dict[str, dict[str, Verdict]]]

    def usable(self, method: str, model: str) -> bool:
        """Tell whether a method trains on a model and is loaded again as it was saved."""
        return all(self.verdicts[method][model][aspect].works for aspect in USABLE)

    def usable_on(self, model: str) -> list[str]:
        """Return the methods that can be used on a model."""
        return [method for method in self.verdicts if self.usable(method, model)]


@lru_cache(maxsize=1)
def probed() -> Probed:
    """Return the table that is shipped."""
    stored = json.loads(FILE.read_text(encoding="utf-8"))
    return Probed(
        stored["versions"],
        {
            method: {
                model: {aspect: Verdict(reason is None, reason or "") for aspect, reason in aspects.items()}
                for model, aspects in models.items()
            }
            for method, models in stored["methods"].items()
        },
    )


def write(found: Probed) -> None:
    """Ship another table."""
    methods = {
        method: {
            model: {aspect: None if verdict.works else verdict.reason for aspect, verdict in aspects.items()}
            for model, aspects in models.items()
        }
        for method, models in found.verdicts.items()
    }
    text = json.dumps({"versions": found.versions, "methods": methods}, indent=1, ensure_ascii=False)
    aside = FILE.with_suffix(".new")
    aside.write_text(text + "\n", encoding="utf-8")
    aside.replace(FILE)
    probed.cache_clear()


def verdict(method: str, aspect: str, model: str = "encoder") -> Verdict:
    """Return what the probe found of one aspect of a method; a method that it did not try does not work."""
    found = probed().verdicts.get(method)
    return found[model][aspect] if found else Verdict(False, "the probe has not tried it")
