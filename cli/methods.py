"""The table of methods: what each is, and what the probe found of it."""

from dataclasses import asdict
from typing import Any

from cli.output import print_json, print_table
from core.catalog.capabilities import MODELS, Probed, Verdict
from core.catalog.lora_init import INITS
from core.catalog.methods import METHODS
from core.config import RunConfig
from core.text.formatting import DASH, format_setting

MARKS = {"merges": "M", "shares": "S", "bfloat16": "16", "8bit": "8", "4bit": "4"}
LEGEND = (
    "Usable: it trains, and gives the same answers when it is loaded again. M: it merges into its base. S: several "
    "share a base. 16, 8, 4: it trains on frozen weights in bfloat16, 8 or 4 bits. Rate and rank are the defaults for "
    "a model of width 384."
)


def print_methods(found: Probed, installed: dict[str, str | None], *, as_json: bool) -> None:
    """Print every method with its defaults, and what the probe found of it on each model."""
    if as_json:
        print_json([_plain(name, found) for name in {**METHODS, **found.verdicts}])
        return
    others = [method for method in METHODS.values() if method.kind != "adapter"]
    print_table(("baseline", "what it is"), [(method.name, method.note) for method in others], words=2)
    variants = [name for name in found.verdicts if " --" in name]
    rows = [_row(name, found) for name in [*(n for n in METHODS if n in found.verdicts), *variants]]
    print_table(("PEFT method", "rate", "rank", *(f"{model:11}" for model in MODELS), "what it is"), rows)
    print(LEGEND)
    counts = [f"{len([n for n in found.usable_on(model) if n in METHODS])} on the {model}" for model in MODELS]
    print(f"Usable of peft's {len(found.verdicts) - len(variants)} methods: {', '.join(counts)}.")
    print("\nWhat does not work, in peft's own words:")
    for line in _failures(found):
        print(f"  {line}")
    _print_versions(found, installed)


def _row(name: str, found: Probed) -> tuple[str, ...]:
    method = METHODS.get(name)
    init = INITS.get(name.split()[2]) if "--init" in name else None
    flagged = RunConfig.model_fields.get(name.split(" --")[-1].split()[0])
    note = method.note if method else f"Begins as {init.note}." if init else f"{(flagged and flagged.description)}."
    defaults = method or METHODS["lora"]
    marks = (_marks(name, model, found) for model in MODELS)
    return (name, format_setting(defaults.learning_rate), format_setting(defaults.rank), *marks, note)


def _marks(name: str, model: str, found: Probed) -> str:
    """Return what works beside training, as ``M S 16 8 4``, each mark in its own place."""
    if not found.usable(name, model):
        return f"{DASH:11}"
    aspects = found.verdicts[name][model]
    return "+ " + " ".join(mark if aspects[aspect].works else "·" * len(mark) for aspect, mark in MARKS.items())


def _failures(found: Probed) -> list[str]:
    """Return a line a method and reason; where a method does not train, nothing else was tried."""
    lines = []
    for name, models in found.verdicts.items():
        places: dict[str, list[str]] = {}
        for model, aspects in models.items():
            failed = {aspect: verdict.reason for aspect, verdict in aspects.items() if not verdict.works}
            told = {"trains": failed["trains"]} if "trains" in failed else failed
            for aspect, reason in told.items():
                places.setdefault(reason, []).append(model if aspect == "trains" else f"{model} {aspect}")
        lines += [f"{name} ({', '.join(where)}): {reason}" for reason, where in places.items()]
    return lines


def _print_versions(found: Probed, installed: dict[str, str | None]) -> None:
    print("Found with " + ", ".join(f"{package} {version}" for package, version in found.versions.items()) + ".")
    other = {name: version for name, version in installed.items() if version != found.versions.get(name)}
    if other:
        told = ", ".join(f"{name} {version or 'missing'}" for name, version in other.items())
        print(f"Installed are others ({told}): `python runner.py methods --probe` tries them all, in half a minute.")


def _plain(name: str, found: Probed) -> dict[str, Any]:
    method = METHODS.get(name)
    known = (
        {"kind": method.kind, "title": method.title, "note": method.note, "lr": method.learning_rate, "r": method.rank}
        if method
        else {}
    )
    tried: dict[str, dict[str, Verdict]] = found.verdicts.get(name, {})
    return {
        "name": name,
        **known,
        "probed": {model: {aspect: asdict(one) for aspect, one in aspects.items()} for model, aspects in tried.items()},
    }
