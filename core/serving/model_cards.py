"""Model cards of recorded runs, with the facts about the base model that only its files hold."""

from pathlib import Path

import yaml

from core.config import RunConfig, make_config
from core.models.backbone import Backbone, device, head_module_names
from core.models.quantization import quantization_options
from core.models.tokenizers import load_tokenizer
from core.report.model_card import BaseModelFacts, Form, render_model_card
from core.store import queries
from core.store.engine import Store


def model_card_of_run(store: Store, run_id: int, backbone: Backbone | None, form: Form = "recorded") -> str:
    """Return a run's model card in Markdown; ``backbone`` is None for a method without one."""
    config = make_config(queries.run(store, run_id).config)
    return render_model_card(store, run_id, _facts(config, backbone, form) if backbone else None, form)


def _facts(config: RunConfig, backbone: Backbone, form: Form) -> BaseModelFacts:
    tokenizer = load_tokenizer(backbone, config.max_length)
    quantized = config.quantize and form == "recorded"  # a merged run's card is written without bitsandbytes
    options = quantization_options(config.quantize, head_module_names(backbone), device()) if quantized else {}
    return BaseModelFacts(
        license=_license(backbone),
        max_length=tokenizer.model_max_length,
        input_names=tuple(tokenizer.model_input_names),
        quantization=options["quantization_config"].to_diff_dict() if options else {},
    )


def _license(backbone: Backbone) -> str | None:
    """Return the license that the base model's own card names; None without a local card that names one."""
    try:
        card = (Path(backbone.path) / "README.md").read_text(encoding="utf-8")
        metadata = yaml.safe_load(card.partition("---")[2].partition("\n---")[0])
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    license_name = metadata.get("license") if isinstance(metadata, dict) else None
    return str(license_name) if license_name else None
