"""Load recorded runs, predict, and compute word importance."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from core.config import RunConfig, make_config
from core.errors import BenchError, RequestError, did_you_mean
from core.evaluation.tokenization import HAN
from core.models.backbone import find_backbone
from core.models.baselines import IMPLEMENTATIONS
from core.models.classifier import Classifier, SavedClassifier, probabilities
from core.models.fine_tuned import load_adapted, load_full
from core.serving.shared_base import BaseModelCache
from core.store import queries
from core.store.engine import Store
from core.store.records import Run
from core.system.files import matches_checksum

MAX_SPANS = 200
"""Maximum number of spans that a text is divided into; those of longer texts contain several words."""
_WORD = re.compile(rf"[{HAN}]|[^\s{HAN}]+")


@dataclass(frozen=True)
class WordWeight:
    """A word, or a chunk of a long text, ``text[start:end]``, and its weight for a label in log-odds."""

    word: str
    start: int
    end: int
    weight: float


@dataclass(frozen=True)
class LoadedRun:
    """A recorded run with its classifier."""

    run_id: int
    labels: tuple[str, ...]
    classifier: Classifier

    def predict(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return probabilities [n, k] in the order of the texts."""
        return probabilities(self.classifier.logits(texts))

    def word_weights(self, text: str, label: str | None = None) -> tuple[WordWeight, ...]:
        """Return by how much the log-odds of a label decrease without each word, in the order of the text.

        The default label is the predicted one. Words are separated by white space; each ideograph is a word. Each is
        removed in turn (occlusion, Zeiler and Fergus 2014, arXiv 1311.2901; for words Li et al. 2016, arXiv
        1612.08220). Log-odds are used because probabilities near 1 hardly change. Redundant words and words beyond the
        maximum length have low weights. Raises `RequestError` for an unknown label.
        """
        if label is not None and label not in self.labels:
            labels = ", ".join(self.labels)
            raise RequestError(
                f"Run {self.run_id} has no label '{label}'. Labels: {labels}.{did_you_mean(label, self.labels)}",
                code="unknown_label",
            )
        spans = _split_into_spans(text)
        if not spans:
            return ()
        logits = self.classifier.logits([text, *_occlusions(text, spans)])
        log_odds = _log_odds(logits, int(logits[0].argmax()) if label is None else self.labels.index(label))
        with np.errstate(invalid="ignore"):
            drops = log_odds[0] - log_odds[1:]
        drops[~np.isfinite(drops)] = 0  # an infinite log-odds does not change
        return tuple(WordWeight(text[a:b], a, b, float(drop)) for (a, b), drop in zip(spans, drops, strict=True))


def load_run(
    store: Store, run_id: int, bases: BaseModelCache | None = None, *, trust_remote_code: bool = False
) -> LoadedRun:
    """Load a complete run, onto a cached base model if it can share one.

    Raises `RequestError` with the reason if it cannot be used.
    """
    saved = resolve_saved_run(store, run_id, trust_remote_code=trust_remote_code)
    with translate_load_errors(run_id):
        if bases is not None and saved.config.kind == "adapter":
            return LoadedRun(run_id, saved.labels, bases.load(saved))
        return LoadedRun(run_id, saved.labels, load_classifier(saved))


def load_runs(store: Store, run_ids: Sequence[int]) -> list[LoadedRun]:
    """Load several complete runs in the given order; adapters share their base model if possible."""
    bases = BaseModelCache()
    return [load_run(store, run_id, bases) for run_id in run_ids]


@contextmanager
def translate_load_errors(run_id: int) -> Iterator[None]:
    """Translate any error while loading a run's files to `RequestError`; damaged files raise many types."""
    try:
        yield
    except BenchError:
        raise
    except Exception as error:
        raise RequestError(
            f"The files of run {run_id} cannot be loaded ({type(error).__name__}: {error}). "
            "To find damaged files: python runner.py db check",
            code="unusable_files",
        ) from error


def resolve_saved_run(store: Store, run_id: int, *, trust_remote_code: bool = False) -> SavedClassifier:
    """Return the files of a complete run, with its config, labels and backbone.

    Remote code is trusted only if requested now: the recorded setting may come from another person. Raises
    `RequestError` if there is no such run, or if its files are missing or changed.
    """
    run = queries.run(store, run_id)
    if run.state != "complete" or run.dataset_id is None:
        raise RequestError(
            f"Run {run_id} is {run.state} and has no model to predict with. List runs: python runner.py list",
            code="run_is_incomplete",
        )
    folder = run.adapter_folder(store.folder)
    if folder is None or not folder.is_dir():
        raise RequestError(
            f"The files of run {run_id} are missing: {run.adapter_path} is not beside the database. Restore them.",
            code="missing_files",
        )
    with translate_load_errors(run_id):
        if not matches_checksum(folder, run.adapter_sha256):
            raise RequestError(
                f"The files of run {run_id} in {run.adapter_path} do not match their recorded checksum (SHA-256), so "
                "its recorded scores do not apply to them. Restore the files, or run it again.",
                code="changed_files",
            )
    config = pinned_config(run, trust_remote_code=trust_remote_code)
    labels = tuple(queries.dataset(store, run.dataset_id).labels)
    return SavedClassifier(config, labels, folder, find_backbone(config) if config.uses("model") else None)


def pinned_config(run: Run, *, trust_remote_code: bool = False) -> RunConfig:
    """Return a run's config with the recorded revision of its base model: the Hub may have a newer one."""
    settings = run.settings | {"trust_remote_code": trust_remote_code}
    return make_config(settings | ({"revision": run.model_revision} if run.model_revision else {}))


def load_classifier(saved: SavedClassifier) -> Classifier:
    """Load a saved classifier, with its own base model if the method has one."""
    kind, method = saved.config.kind, saved.config.method
    load = IMPLEMENTATIONS[method].load if kind == "baseline" else load_full if kind == "full" else load_adapted
    return load(saved)


def _split_into_spans(text: str) -> list[tuple[int, int]]:
    """Return the start and end of each word, or of chunks of consecutive words in a long text."""
    words = [match.span() for match in _WORD.finditer(text)]
    bounds = np.linspace(0, len(words), min(len(words), MAX_SPANS) + 1).astype(int)
    return [(words[first][0], words[last - 1][1]) for first, last in pairwise(bounds)]


def _occlusions(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """Return the text without each span in turn and the white space before it (after it for the first)."""
    starts = [start for start, _ in spans]
    first = text[: starts[0]] + text[starts[1] if len(spans) > 1 else spans[0][1] :]
    return [first, *(text[:before] + text[end:] for (_, before), (_, end) in pairwise(spans))]


def _log_odds(logits: NDArray[np.float32], code: int) -> NDArray[np.float64]:
    """Return the logarithm of p / (1 - p) of one label, [n], from logits [n, k]; exact for p near 1."""
    others = np.delete(logits.astype(np.float64), code, axis=1)
    return np.asarray(logits[:, code] - logsumexp(others, axis=1), dtype=np.float64)
