"""Use a recorded run: load what it learnt, predict, and say which words a prediction rests on."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from core.config import make_config
from core.errors import BenchError, RequestError, did_you_mean
from core.evaluation.tokenization import HAN
from core.models.backbone import find_backbone
from core.models.baselines import IMPLEMENTATIONS
from core.models.classifier import Classifier, SavedClassifier, probabilities
from core.models.fine_tuned import load_adapted, load_full
from core.serving.shared_base import BaseModelCache
from core.store import queries
from core.store.engine import Store
from core.system.files import matches_checksum

MAX_SPANS = 200
"""A text of more words is left out of itself in so many chunks of about equally many words."""
_WORD = re.compile(rf"[{HAN}]|[^\s{HAN}]+")


@dataclass(frozen=True)
class WordWeight:
    """A word, or a chunk of a long text: ``text[start:end]``, and how much it speaks for a label, in log-odds."""

    word: str
    start: int
    end: int
    weight: float


@dataclass(frozen=True)
class LoadedRun:
    """A recorded run, ready to answer."""

    run_id: int
    labels: tuple[str, ...]
    classifier: Classifier

    def predict(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return probabilities [n, k], a row a text, a column a label."""
        return probabilities(self.classifier.logits(texts))

    def word_weights(self, text: str, label: str | None = None) -> tuple[WordWeight, ...]:
        """Return for each word how much the log-odds of a label fall without it, in the text's order.

        The label is the predicted one where none is given. Words are parted by white space, and
        ideographs from each other. Each is left out in turn (occlusion, Zeiler and Fergus 2014,
        arXiv 1311.2901; for words Li et al. 2016, arXiv 1612.08220). Log-odds, because where a run
        is sure a probability hardly moves, whatever is left out. Words that stand in for each
        other, and those past what the model reads, weigh little alone. Raises `RequestError` for
        an unknown label.
        """
        if label is not None and label not in self.labels:
            known = ", ".join(self.labels)
            raise RequestError(
                f"'{label}' is no label of run {self.run_id}: {known}.{did_you_mean(label, self.labels)}"
            )
        spans = _pieces(text)
        if not spans:
            return ()
        logits = self.classifier.logits([text, *_each_left_out(text, spans)])
        odds = _log_odds(logits, int(logits[0].argmax()) if label is None else self.labels.index(label))
        with np.errstate(invalid="ignore"):
            falls = odds[0] - odds[1:]
        falls[~np.isfinite(falls)] = 0  # a label that is impossible or certain stays so, whatever is left out
        return tuple(WordWeight(text[a:b], a, b, float(fall)) for (a, b), fall in zip(spans, falls, strict=True))


def load_run(
    store: Store, run_id: int, bases: BaseModelCache | None = None, *, trust_remote_code: bool = False
) -> LoadedRun:
    """Load a complete run, onto one of these bases where it can share it; without any, onto a base of its own.

    Raises `RequestError` where it can't be used, with the reason.
    """
    saved = resolve_saved_run(store, run_id, trust_remote_code=trust_remote_code)
    with translate_load_errors(run_id):
        if bases is not None and saved.config.kind == "adapter":
            return LoadedRun(run_id, saved.labels, bases.load(saved))
        return LoadedRun(run_id, saved.labels, load_classifier(saved))


def load_runs(store: Store, run_ids: Sequence[int]) -> list[LoadedRun]:
    """Load several complete runs, in the given order; adapters of one base share it where they can."""
    bases = BaseModelCache()
    return [load_run(store, run_id, bases) for run_id in run_ids]


@contextmanager
def translate_load_errors(run_id: int) -> Iterator[None]:
    """Raise `RequestError` where a run's files can't be loaded: they can be anything, which is said in many ways."""
    try:
        yield
    except BenchError:
        raise
    except Exception as error:
        raise RequestError(
            f"The files of run {run_id} can't be used ({type(error).__name__}: {error}). "
            "Whether they are damaged is told by: python runner.py db check"
        ) from error


def resolve_saved_run(store: Store, run_id: int, *, trust_remote_code: bool = False) -> SavedClassifier:
    """Return the files of a complete run, with its config, labels and backbone.

    Code that comes with its model is trusted now or not at all, whatever the record says: a record
    may come from anybody. Raises `RequestError` where there is no such run, or its files are gone or changed.
    """
    run = queries.run(store, run_id)
    if run.state != "complete" or run.dataset_id is None:
        raise RequestError(f"Run {run_id} is {run.state}: there is nothing to predict with. See: python runner.py list")
    folder = run.adapter_folder(store.folder)
    if folder is None or not folder.is_dir():
        raise RequestError(f"The files of run {run_id} are gone: {run.adapter_path} is not beside the database.")
    with translate_load_errors(run_id):
        if not matches_checksum(folder, run.adapter_sha256):
            raise RequestError(
                f"The files of run {run_id} in {run.adapter_path} are not those that it saved (SHA-256): what they "
                "would say is not what was measured. Bring them back as they were, or run it again."
            )
    settings = run.config | {"trust_remote_code": trust_remote_code}
    if run.model_revision:  # the Hub's may have moved since
        settings["revision"] = run.model_revision
    config, labels = make_config(settings), tuple(queries.dataset(store, run.dataset_id).labels)
    return SavedClassifier(config, labels, folder, find_backbone(config) if config.uses("model") else None)


def load_classifier(saved: SavedClassifier) -> Classifier:
    """Load saved files; onto a fresh backbone where the method has one."""
    kind, method = saved.config.kind, saved.config.method
    load = IMPLEMENTATIONS[method].load if kind == "baseline" else load_full if kind == "full" else load_adapted
    return load(saved)


def _pieces(text: str) -> list[tuple[int, int]]:
    """Return where the words of a text start and end; of a long text, chunks of consecutive words."""
    found = [match.span() for match in _WORD.finditer(text)]
    bounds = np.linspace(0, len(found), min(len(found), MAX_SPANS) + 1).astype(int)
    return [(found[first][0], found[last - 1][1]) for first, last in pairwise(bounds)]


def _each_left_out(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """Return the text without each span in turn, nor the white space before it (after it, for the first)."""
    starts = [start for start, _ in spans]
    first = text[: starts[0]] + text[starts[1] if len(spans) > 1 else spans[0][1] :]
    return [first, *(text[:before] + text[end:] for (_, before), (_, end) in pairwise(spans))]


def _log_odds(logits: NDArray[np.float32], code: int) -> NDArray[np.float64]:
    """Return the logarithm of p / (1 - p) of one label, [n], from logits [n, k]; exact where p is all but 1."""
    others = np.delete(logits.astype(np.float64), code, axis=1)
    return np.asarray(logits[:, code] - logsumexp(others, axis=1), dtype=np.float64)
