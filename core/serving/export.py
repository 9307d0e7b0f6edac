"""A recorded run to take away: merged into a plain model, or with all that it takes to run without this project."""

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
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel

from core.catalog.methods import METHODS
from core.config import RunConfig
from core.errors import RequestError, RunError
from core.models.backbone import device, silence_libraries
from core.models.classifier import SavedClassifier
from core.models.neural_classifier import NeuralClassifier
from core.report.model_card import Form, loading_options
from core.serving.inference import load_classifier, resolve_saved_run, translate_load_errors
from core.serving.model_cards import model_card_of_run
from core.serving.verification import VERIFICATION_EXAMPLES
from core.store import queries
from core.store.engine import Store
from core.system.environment import package_versions

MERGED_TOLERANCE = 1e-4
"""Largest difference between a merged model's logit and the adapter's that passes, in units of the largest logit.

Merging rounds each float32 weight once more (6e-8 of it), which the layers carry on: differences
are 1e-7 to 1e-5 of the largest logit. Something that is really missing moves logits by far more.
"""
_TOLD = ("padding_side", "truncation_side", "split_special_tokens", "model_input_names")
"""What `load_tokenizer` tells a tokenizer that its files don't say."""


@dataclass(frozen=True)
class Merged:
    """A merged model: by how much its logits differ from the adapter's, on how many test texts.

    ``quantized``: the bits that the run's base was held in; the merged weights are the exact ones.
    """

    folder: Path
    max_difference: float
    examples: int
    quantized: str | None


def merge_run(store: Store, run_id: int, folder: Path, *, trust_remote_code: bool = False) -> Merged:
    """Write a run as a plain transformers model, proved to answer as the adapter does.

    Raises `RequestError` for a run that can't be merged, with the reason, and `RunError` where the
    merged model answers differently; nothing is left then.
    """
    saved = _fine_tuned(store, run_id, "merge", trust_remote_code)
    config = saved.config
    _check_free(folder)
    with translate_load_errors(run_id):
        classifier = load_classifier(replace(saved, config=config.model_copy(update={"quantize": None})))
    assert isinstance(classifier, NeuralClassifier)
    texts = list(queries.predictions(store, run_id)["text"][:VERIFICATION_EXAMPLES])
    expected = classifier.logits(texts)
    plain = _plain(classifier, run_id, config)
    plain.config._name_or_path = queries.run(store, run_id).model
    with _written_aside(folder) as written:
        with silence_libraries():
            plain.save_pretrained(written)
        _write_beside(store, run_id, saved, classifier, written, "merged")
        difference = float(np.abs(_plainly(written, texts, config) - expected).max())
        allowed = MERGED_TOLERANCE * max(1.0, float(np.abs(expected).max()))
        if not difference <= allowed:
            raise RunError(
                f"Run {run_id} does not give the same answers when it is merged: its logits differ by "
                f"{difference:.2g}, at most {allowed:.2g} was expected. Nothing was kept. {_instead(run_id)}"
            )
    return Merged(folder, difference, len(texts), config.quantize)


def export_run(store: Store, run_id: int, folder: Path, *, trust_remote_code: bool = False) -> None:
    """Write a folder that runs without this project: files, tokenizer, card, example and requirements."""
    saved = _fine_tuned(store, run_id, "export", trust_remote_code)
    config, labels = saved.config, saved.labels
    _check_free(folder)
    with translate_load_errors(run_id):
        classifier = load_classifier(saved)
    assert isinstance(classifier, NeuralClassifier)
    with _written_aside(folder) as written:
        shutil.copytree(saved.folder, written, dirs_exist_ok=True)
        _write_beside(store, run_id, saved, classifier, written, "exported")
        (written / "example.py").write_text(_example(store, run_id, config, labels, classifier), encoding="utf-8")
        (written / "requirements.txt").write_text(_requirements(store, run_id, config), encoding="utf-8")


def _fine_tuned(store: Store, run_id: int, what: str, trust_remote_code: bool) -> SavedClassifier:
    saved = resolve_saved_run(store, run_id, trust_remote_code=trust_remote_code)
    config = saved.config
    if config.kind == "baseline":
        raise RequestError(
            f"Run {run_id} is a baseline ({METHODS[config.method].title}): it has no fine-tuned model to {what}. "
            "See: python runner.py list"
        )
    return saved


def _plain(classifier: NeuralClassifier, run_id: int, config: RunConfig) -> PreTrainedModel:
    """Return the model with its adapter merged into its weights; it is no longer an adapter after that."""
    model = classifier.model
    if not isinstance(model, PeftModel):
        return model
    title = METHODS[config.method].title
    if METHODS[config.method].prompts:
        raise RequestError(
            f"Run {run_id} can't be merged: {title} puts trained vectors in front of every text, "
            f"and a plain model has no place for them. {_instead(run_id)}"
        )
    try:
        with silence_libraries():
            merged: PreTrainedModel = model.merge_and_unload(safe_merge=True)
    except (NotImplementedError, AttributeError, ValueError, TypeError) as error:
        raise RequestError(
            f"Run {run_id} can't be merged: peft does not turn {title} into plain weights ({error}). {_instead(run_id)}"
        ) from error
    return merged


def _instead(run_id: int) -> str:
    return f"Take it away as an adapter: python runner.py export {run_id} DIR"


def _plainly(folder: Path, texts: Sequence[str], config: RunConfig) -> NDArray[np.float32]:
    """Return the logits of a folder's model for texts, loaded as anyone would load it."""
    with silence_libraries():
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=config.trust_remote_code)
    return NeuralClassifier(model.to(device()), tokenizer).logits(texts)


def _write_beside(
    store: Store, run_id: int, saved: SavedClassifier, classifier: NeuralClassifier, folder: Path, form: Form
) -> None:
    """Write what every folder has beside its weights: the tokenizer as this run used it, and the card."""
    tokenizer = classifier.tokenizer
    # save_pretrained writes what a tokenizer was made with, not what it was told since.
    tokenizer.init_kwargs |= {name: getattr(tokenizer, name) for name in _TOLD}
    tokenizer.save_pretrained(folder)
    card = model_card_of_run(store, run_id, saved.backbone, form)
    (folder / "README.md").write_text(card, encoding="utf-8")


def _check_free(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RequestError(f"{folder} is there already, and not an empty folder. Name one that is not there yet.")
    if not folder.absolute().parent.is_dir():
        raise RequestError(f"There is no folder {folder.parent} to write {folder.name} into.")


@contextmanager
def _written_aside(folder: Path) -> Iterator[Path]:
    """Give a folder to write into, which gets the wanted name when all went well; else nothing is left."""
    try:
        with tempfile.TemporaryDirectory(dir=folder.absolute().parent, prefix=".writing-") as aside:
            written = Path(aside) / "folder"
            written.mkdir()
            yield written
            if folder.exists():
                folder.rmdir()
            os.replace(written, folder)
    except OSError as error:
        raise RequestError(f"{folder} can't be written: {error.strerror or error}. Nothing was kept.") from error


def _requirements(store: Store, run_id: int, config: RunConfig) -> str:
    """Return the packages that the example needs, of the versions that the run took place under."""
    recorded = {**package_versions(), **queries.run(store, run_id).environment.get("packages", {})}
    names = ["torch", "transformers"]
    names += ["peft"] if config.kind == "adapter" else []
    names += ["bitsandbytes"] if config.quantize else []
    # A build's own mark, as in 2.13.0+cpu, names what only some indexes have.
    pinned = [f"{name}=={recorded[name].partition('+')[0]}" if name in recorded else name for name in names]
    return "\n".join([*pinned, ""])


def _example(store: Store, run_id: int, config: RunConfig, labels: Sequence[str], classifier: NeuralClassifier) -> str:
    """Return a script that loads an exported folder and classifies the texts that it is given."""
    run = queries.run(store, run_id)
    adapter, trust = config.kind == "adapter", ", trust_remote_code=True" if config.trust_remote_code else ""
    settings: Any = classifier.model.config
    bits = settings.quantization_config.to_diff_dict() if config.quantize else {}
    return Template(_EXAMPLE).substitute(
        peft="from peft import PeftModel\n" if adapter else "",
        bits=", BitsAndBytesConfig" if bits else "",
        labels=repr(list(labels)),
        base=_BASE_OPTION.format(name=run.model) if adapter else "",
        model=Template(_ON_BASE if adapter else _WHOLE).substitute(
            options=loading_options(config, run, bits),
        ),
        trust=trust,
    )


_EXAMPLE = '''"""Classify texts: python example.py "a text" "another". Needs the packages of requirements.txt alone."""

import argparse
from pathlib import Path

import torch
${peft}from transformers import AutoModelForSequenceClassification, AutoTokenizer$bits

FOLDER, LABELS = Path(__file__).parent, $labels
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("texts", nargs="+")
${base}given = parser.parse_args()
tokenizer = AutoTokenizer.from_pretrained(FOLDER$trust)
$model
for text in given.texts:
    inputs = tokenizer(text, truncation=True, return_tensors="pt").to(model.device)
    shares = model(**inputs).logits[0].float().softmax(-1)
    print(f"{LABELS[int(shares.argmax())]}\\t{float(shares.max()):.6f}\\t{text}")
'''
_BASE_OPTION = """parser.add_argument("--base", default={name!r}, help="the base model, or a folder with a copy of it")
"""
_ON_BASE = """base = AutoModelForSequenceClassification.from_pretrained(  # its head is new: the adapter has one
    given.base, id2label=dict(enumerate(LABELS)), pad_token_id=tokenizer.pad_token_id,
    $options,
)
model = PeftModel.from_pretrained(base, FOLDER).eval()"""
_WHOLE = "model = AutoModelForSequenceClassification.from_pretrained(FOLDER, $options).eval()"
