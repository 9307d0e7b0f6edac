"""Write runs to folders for use without this project: merged into a plain model, or exported with an example."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray
from peft import PeftModel
from torch import Tensor
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    BatchEncoding,
    PreTrainedModel,
)

from core.catalog.methods import METHODS
from core.config import RunConfig
from core.errors import RequestError, RunError
from core.models.backbone import device, silence_libraries
from core.models.classifier import SavedClassifier
from core.models.neural_classifier import NeuralClassifier, run_texts
from core.models.pooling import mean_over_tokens
from core.models.portable_files import save_label_names, save_tokenizer
from core.report.card_usage import is_mean_pooled, model_class, render_loading_options
from core.report.model_card import CardForm
from core.serving.inference import load_classifier, resolve_saved_run, translate_load_errors
from core.serving.model_cards import model_card_of_run
from core.serving.verification import VERIFICATION_EXAMPLES
from core.store import queries
from core.store.engine import Store
from core.store.records import Run
from core.system.environment import package_versions

MERGED_TOLERANCE = 1e-4
"""Maximum difference between a merged model's logits and the adapter's, relative to the largest logit.

Merging rounds each float32 weight once more (relative error 6e-8), and the layers amplify the error to 1e-7 to 1e-5 of
the largest logit. A missing weight changes logits by far more.
"""


@dataclass(frozen=True)
class MergedModel:
    """A merged model and the largest difference of its logits from the adapter's on some test examples.

    ``quantized``: the quantization of the run's base model; the merged weights are in full precision.
    """

    folder: Path
    max_difference: float
    examples: int
    quantized: str | None


def merge_run(store: Store, run_id: int, folder: Path, *, trust_remote_code: bool = False) -> MergedModel:
    """Write a run as a plain transformers model, and verify its logits against the adapter's.

    Raises `RequestError` for a run that cannot be merged, and `RunError` if the merged model gives other
    logits; nothing is written in either case.
    """
    saved = _resolve_fine_tuned(store, run_id, "merge", trust_remote_code)
    config = saved.config
    _require_free(folder)
    with translate_load_errors(run_id):
        classifier = load_classifier(replace(saved, config=config.model_copy(update={"quantize": None})))
    assert isinstance(classifier, NeuralClassifier)
    texts = list(queries.predictions(store, run_id)["text"][:VERIFICATION_EXAMPLES])
    expected = classifier.logits(texts)
    merged = _merge_adapter(classifier, run_id, config)
    merged.config._name_or_path = queries.run(store, run_id).model
    with _atomic_folder(folder) as target:
        with silence_libraries():
            merged.save_pretrained(target)
        save_tokenizer(classifier.tokenizer, target)
        _write_card(store, run_id, saved, target, "merged")
        difference = float(np.abs(_plain_logits(target, texts, config) - expected).max())
        tolerance = MERGED_TOLERANCE * max(1.0, float(np.abs(expected).max()))
        if not difference <= tolerance:
            raise RunError(
                f"Run {run_id}: the merged model does not reproduce the adapter's predictions. Its logits differ by "
                f"{difference:.2g}, more than the tolerance of {tolerance:.2g}. Nothing was written. "
                f"{_suggest_export(run_id)}"
            )
    return MergedModel(folder, difference, len(texts), config.quantize)


def export_run(store: Store, run_id: int, folder: Path, *, trust_remote_code: bool = False) -> None:
    """Write weights, tokenizer, model card, example script and requirements to a folder."""
    saved = _resolve_fine_tuned(store, run_id, "export", trust_remote_code)
    config, labels = saved.config, saved.labels
    _require_free(folder)
    with translate_load_errors(run_id):
        classifier = load_classifier(saved)
    assert isinstance(classifier, NeuralClassifier)
    run = queries.run(store, run_id)
    with _atomic_folder(folder) as target:
        shutil.copytree(saved.folder, target, dirs_exist_ok=True)
        save_tokenizer(classifier.tokenizer, target)  # early versions did not save it with the adapter
        if config.kind == "adapter":
            save_label_names(dict(enumerate(labels)), target)
        _write_card(store, run_id, saved, target, "exported")
        (target / "example.py").write_text(_render_example(run, config, labels, classifier), encoding="utf-8")
        (target / "requirements.txt").write_text(_render_requirements(run, config), encoding="utf-8")


def _resolve_fine_tuned(store: Store, run_id: int, action: str, trust_remote_code: bool) -> SavedClassifier:
    saved = resolve_saved_run(store, run_id, trust_remote_code=trust_remote_code)
    config = saved.config
    if config.kind == "baseline":
        raise RequestError(
            f"Run {run_id} is a baseline ({METHODS[config.method].title}): it has no fine-tuned model to {action}. "
            "List runs: python runner.py list",
            code="run_is_baseline",
        )
    return saved


def _merge_adapter(classifier: NeuralClassifier, run_id: int, config: RunConfig) -> PreTrainedModel:
    """Merge the adapter into the model's weights in place; return the model, unchanged if it has no adapter."""
    model = classifier.model
    if not isinstance(model, PeftModel):
        return model
    title = METHODS[config.method].title
    if METHODS[config.method].prompts:
        raise RequestError(
            f"Run {run_id} cannot be merged: {title} prepends trained vectors to every text, "
            f"which a plain model cannot store. {_suggest_export(run_id)}",
            code="cannot_merge",
        )
    try:
        with silence_libraries():
            merged: PreTrainedModel = model.merge_and_unload(safe_merge=True)
    except (NotImplementedError, AttributeError, ValueError, TypeError) as error:
        raise RequestError(
            f"Run {run_id} cannot be merged: peft does not merge {title} ({error}). {_suggest_export(run_id)}",
            code="cannot_merge",
        ) from error
    return merged


def _suggest_export(run_id: int) -> str:
    return f"Export it as an adapter instead: python runner.py export {run_id} DIR"


def _plain_logits(folder: Path, texts: Sequence[str], config: RunConfig) -> NDArray[np.float32]:
    """Return the logits of a folder's model, loaded with transformers only."""
    is_mean = config.pooling == "mean"
    auto_class = AutoModelForTokenClassification if is_mean else AutoModelForSequenceClassification
    with silence_libraries():
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = auto_class.from_pretrained(folder, trust_remote_code=config.trust_remote_code).eval().to(device())

    def forward(batch: BatchEncoding) -> Tensor:
        logits: Tensor = model(**batch).logits
        return mean_over_tokens(logits, batch["attention_mask"]) if is_mean else logits

    return run_texts(model, tokenizer, texts, forward)


def _write_card(store: Store, run_id: int, saved: SavedClassifier, folder: Path, form: CardForm) -> None:
    card = model_card_of_run(store, run_id, saved.backbone, form, folder=folder)
    (folder / "README.md").write_text(card, encoding="utf-8")


def _require_free(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RequestError(f"{folder} exists and is not an empty folder. Name a new folder.", code="folder_exists")
    if not folder.absolute().parent.is_dir():
        raise RequestError(f"The parent folder {folder.parent} of {folder.name} does not exist.", code="no_folder")


@contextmanager
def _atomic_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder that is renamed to ``folder`` on success and deleted on an error."""
    try:
        with tempfile.TemporaryDirectory(dir=folder.absolute().parent, prefix=".writing-") as parent:
            target = Path(parent) / "folder"
            target.mkdir()
            yield target
            if folder.exists():
                folder.rmdir()
            os.replace(target, folder)
    except OSError as error:
        raise RequestError(
            f"{folder} cannot be written: {error.strerror or error}. Nothing was written.", code="write_failed"
        ) from error


def _render_requirements(run: Run, config: RunConfig) -> str:
    """Return the requirements of the example script, pinned to the versions that the run used."""
    versions = {**package_versions(), **run.environment.get("packages", {})}
    names = ["torch", "transformers"]
    names += ["peft"] if config.kind == "adapter" else []
    names += ["bitsandbytes"] if config.quantize else []
    # Only some indexes have local versions such as 2.13.0+cpu.
    pinned = [f"{name}=={versions[name].partition('+')[0]}" if name in versions else name for name in names]
    return "\n".join([*pinned, ""])


def _render_example(run: Run, config: RunConfig, labels: Sequence[str], classifier: NeuralClassifier) -> str:
    """Return a script that loads the exported folder and classifies the texts given as arguments."""
    is_adapter = config.kind == "adapter"
    model_config: Any = classifier.model.config
    quantization = model_config.quantization_config.to_diff_dict() if config.quantize else {}
    return Template(_EXAMPLE).substitute(
        peft="from peft import PeftModel\n" if is_adapter else "",
        bits=", BitsAndBytesConfig" if quantization else "",
        labels=repr(list(labels)),
        base=_BASE_OPTION.format(name=run.model) if is_adapter else "",
        model_class=model_class(run),
        pool=".mean(dim=1)" if is_mean_pooled(run) else "",
        model=Template(_LOAD_ADAPTER if is_adapter else _LOAD_FULL).substitute(
            model_class=model_class(run),
            options=render_loading_options(run, quantization),
        ),
        trust=", trust_remote_code=True" if config.trust_remote_code else "",
    )


_EXAMPLE = '''"""Classify texts: python example.py "a text" "another". Needs only the packages of requirements.txt."""

import argparse
from pathlib import Path

import torch
${peft}from transformers import $model_class, AutoTokenizer$bits

FOLDER, LABELS = Path(__file__).parent, $labels
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("texts", nargs="+")
${base}arguments = parser.parse_args()
tokenizer = AutoTokenizer.from_pretrained(FOLDER$trust)
$model
for text in arguments.texts:
    inputs = tokenizer(text, truncation=True, return_tensors="pt").to(model.device)
    probabilities = model(**inputs).logits$pool[0].float().softmax(-1)
    print(f"{LABELS[int(probabilities.argmax())]}\\t{float(probabilities.max()):.6f}\\t{text}")
'''
_BASE_OPTION = """parser.add_argument("--base", default={name!r}, help="base model, or a folder with a copy of it")
"""
_LOAD_ADAPTER = """base = $model_class.from_pretrained(  # the adapter contains the trained head
    arguments.base, id2label=dict(enumerate(LABELS)), pad_token_id=tokenizer.pad_token_id,
    $options,
)
model = PeftModel.from_pretrained(base, FOLDER).eval()"""
_LOAD_FULL = "model = $model_class.from_pretrained(FOLDER, $options).eval()"
