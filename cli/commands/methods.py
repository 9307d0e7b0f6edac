"""``methods``: every method with its defaults, and what it supports with the installed libraries."""

import sys
from argparse import Namespace
from dataclasses import asdict
from typing import Any

from cli.arguments import PROGRAM, Parser, add_json
from cli.commands import Command
from cli.console import print_json, print_table
from core.catalog.capabilities import MODELS, PACKAGES, Capabilities, ProbeResult, load_capabilities, save_capabilities
from core.catalog.lora_init import INITS
from core.catalog.methods import METHODS
from core.text.formatting import DASH, format_setting

_ASPECT_MARKS = {"merges": "M", "shares": "S", "bfloat16": "16", "8bit": "8", "4bit": "4"}
_MODEL_NAMES = {"encoder": "an encoder", "gpt2": "GPT-2"}
_VARIANT_DESCRIPTIONS = {
    "rslora": "Scales by alpha / sqrt(r) instead of alpha / r (rsLoRA, Kalajdzievski 2023).",
    "dora": "Decomposes weights into magnitude and direction (DoRA, Liu et al. 2024).",
    "layers last:1": "Adapts only the last layer.",
}
_LEGEND = (
    "+: usable: trains, and gives the same predictions after reloading. M: the adapter can be merged into its base "
    "model. S: several adapters can share a base model. 16, 8, 4: trains with frozen weights in bfloat16, 8 bits or "
    "4 bits. The learning rate is the default for a hidden size of 384."
)


def add_arguments(parser: Parser) -> None:
    """Add the flags."""
    parser.add_argument(
        "--probe",
        action="store_true",
        help="test every method with the installed packages (about 30 seconds), and save the results",
    )
    add_json(parser)


def execute(arguments: Namespace) -> int:
    """Print the methods; with ``--probe`` test them all first."""
    from core.system.environment import installed_versions

    if arguments.probe:
        from core.models.probe import probe

        save_capabilities(probe(lambda name: print(f"  {name}", file=sys.stderr, flush=True)))
    if arguments.json:
        print_json(_to_json(load_capabilities()))
    else:
        print_methods(load_capabilities(), installed_versions(PACKAGES))
    return 0


def print_methods(capabilities: Capabilities, installed: dict[str, str | None]) -> None:
    """Print every method with its defaults, and the probe's results on each model."""
    without_adapter = [(method.name, method.note) for method in METHODS.values() if method.kind != "adapter"]
    print_table(("method", "description"), without_adapter, text_columns=2, wrap="description")
    variants = [name for name in capabilities.results if " --" in name]
    names = [*(name for name in METHODS if name in capabilities.results), *variants]
    columns = ("PEFT method", "learning rate", "rank", *(f"{model:11}" for model in MODELS), "description")
    print_table(columns, [_row(name, capabilities) for name in names], wrap="description")
    print(_LEGEND)
    usable = {model: METHODS.keys() & capabilities.usable_methods(model) for model in MODELS}
    counts = [f"{len(methods)} with {_MODEL_NAMES[model]}" for model, methods in usable.items()]
    print(f"Usable of the {len(capabilities.results) - len(variants)} methods in peft: {', '.join(counts)}.")
    print("\nUnsupported combinations, with the reason:")
    for line in _failures(capabilities):
        print(f"  {line}")
    _print_versions(capabilities, installed)


def _row(name: str, capabilities: Capabilities) -> tuple[str, ...]:
    defaults = METHODS.get(name) or METHODS["lora"]
    marks = (_marks(name, model, capabilities) for model in MODELS)
    return (name, format_setting(defaults.learning_rate), format_setting(defaults.rank), *marks, _description(name))


def _description(name: str) -> str:
    """Return the description of a method or of a LoRA variant such as ``lora --init pissa``."""
    if name in METHODS:
        return METHODS[name].note
    if "--init" in name:
        return f"Initialization: {INITS[name.split()[2]].note}."
    return _VARIANT_DESCRIPTIONS.get(name.removeprefix("lora --"), DASH)


def _marks(name: str, model: str, capabilities: Capabilities) -> str:
    """Return a mark for each aspect that works, such as ``+ M S 16 8 4``; dots keep the place of the others."""
    if not capabilities.is_usable(name, model):
        return f"{DASH:11}"
    aspects = capabilities.results[name][model]
    return "+ " + " ".join(mark if aspects[aspect].works else "·" * len(mark) for aspect, mark in _ASPECT_MARKS.items())


def _failures(capabilities: Capabilities) -> list[str]:
    """Return a line for each method and error; if a method does not train, only that error."""
    lines = []
    for name, models in capabilities.results.items():
        places: dict[str, list[str]] = {}
        for model, aspects in models.items():
            failed = {aspect: result.reason for aspect, result in aspects.items() if not result.works}
            shown = {"trains": failed["trains"]} if "trains" in failed else failed
            for aspect, reason in shown.items():
                places.setdefault(reason, []).append(model if aspect == "trains" else f"{model} {aspect}")
        lines += [f"{name} ({', '.join(models)}): {reason}" for reason, models in places.items()]
    return lines


def _print_versions(capabilities: Capabilities, installed: dict[str, str | None]) -> None:
    print(f"Tested with {', '.join(f'{package} {version}' for package, version in capabilities.versions.items())}.")
    different = {name: version for name, version in installed.items() if version != capabilities.versions.get(name)}
    if different:
        versions = ", ".join(f"{name} {version or 'missing'}" for name, version in different.items())
        print(
            f"Installed versions differ ({versions}). "
            f"To test the installed versions (about 30 seconds): {PROGRAM} methods --probe"
        )


def _to_json(capabilities: Capabilities) -> list[dict[str, Any]]:
    return [_method_to_json(name, capabilities.results.get(name, {})) for name in {**METHODS, **capabilities.results}]


def _method_to_json(name: str, results: dict[str, dict[str, ProbeResult]]) -> dict[str, Any]:
    method = METHODS.get(name)
    description = (
        {"kind": method.kind, "title": method.title, "note": method.note, "lr": method.learning_rate, "r": method.rank}
        if method
        else {}
    )
    probe = {
        model: {aspect: asdict(result) for aspect, result in aspects.items()} for model, aspects in results.items()
    }
    return {"name": name, **description, "probed": probe}


COMMAND = Command("List the methods with their defaults and what each supports.", add_arguments, execute)
