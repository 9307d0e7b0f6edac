"""Render the model cards of recorded runs, with facts that are read from the base model's files."""

from pathlib import Path

import yaml

from core.config import RunConfig, make_config
from core.models.backbone import Backbone, device, head_module_names
from core.models.quantization import quantization_options
from core.report.card_usage import BaseModelFacts
from core.report.model_card import CardForm, render_model_card
from core.store import queries
from core.store.engine import Store


def model_card_of_run(
    store: Store,
    run_id: int,
    backbone: Backbone | None,
    form: CardForm = "recorded",
    *,
    folder: Path | None = None,
) -> str:
    """Return a run's model card in Markdown.

    ``backbone``: None for a method without one. ``folder``: the saved files, None if they are being saved.
    """
    config = make_config(queries.run(store, run_id).settings)
    facts = _collect_facts(config, backbone, form, folder) if backbone else BaseModelFacts()
    return render_model_card(store, run_id, facts, form)


def _collect_facts(config: RunConfig, backbone: Backbone, form: CardForm, folder: Path | None) -> BaseModelFacts:
    is_quantized = config.quantize and form != "merged"  # a merged model needs no bitsandbytes
    options = quantization_options(config.quantize, head_module_names(backbone), device()) if is_quantized else {}
    return BaseModelFacts(
        license=_read_license(backbone),
        quantization=options["quantization_config"].to_diff_dict() if options else {},
        has_tokenizer=folder is None or (folder / "tokenizer_config.json").is_file(),
    )


def _read_license(backbone: Backbone) -> str | None:
    """Return the license in the base model's own model card; None without a card beside the weights."""
    try:
        card = (Path(backbone.path) / "README.md").read_text(encoding="utf-8")
        front_matter = yaml.safe_load(card.partition("---")[2].partition("\n---")[0])
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    license_name = front_matter.get("license") if isinstance(front_matter, dict) else None
    return str(license_name) if license_name else None
