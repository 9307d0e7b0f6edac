"""Use a recorded run: load what it learnt, and predict."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.config import RunConfig, make_config
from core.errors import RequestError
from core.models.baselines import FrozenClassifier, MajorityClassifier, TfidfClassifier, load_untrained
from core.models.classifier import Classifier, probabilities
from core.store import queries
from core.store.engine import Store
from core.training import load_adapted


@dataclass(frozen=True)
class LoadedRun:
    """A recorded run, ready to answer."""

    run_id: int
    labels: tuple[str, ...]
    classifier: Classifier

    def predict(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return probabilities [n, k], a row a text, a column a label."""
        return probabilities(self.classifier.logits(texts))


def load_run(store: Store, run_id: int) -> LoadedRun:
    """Load a complete run. Raises `RequestError` where it can't be used, with the reason."""
    run = queries.run(store, run_id)
    if run.state != "complete" or run.dataset_id is None:
        raise RequestError(f"Run {run_id} is {run.state}: there is nothing to predict with. See: python runner.py list")
    folder = run.folder(store.folder)
    if folder is None or not folder.is_dir():
        raise RequestError(f"The files of run {run_id} are gone: {run.adapter_path} is not beside the database.")
    labels = tuple(queries.dataset(store, run.dataset_id).labels)
    return LoadedRun(run_id, labels, load_classifier(make_config(run.config), labels, folder))


def load_classifier(config: RunConfig, labels: Sequence[str], folder: Path) -> Classifier:
    """Load what a run of this config wrote into a folder, on a fresh base."""
    return _LOADERS.get(config.method, load_adapted)(config, labels, folder)


def _untrained(config: RunConfig, labels: Sequence[str], folder: Path) -> Classifier:
    classifier = load_untrained(config, labels)
    classifier.load_head(folder)
    return classifier


_LOADERS: dict[str, Callable[[RunConfig, Sequence[str], Path], Classifier]] = {
    "majority": lambda config, labels, folder: MajorityClassifier.load(folder),
    "tfidf": lambda config, labels, folder: TfidfClassifier.load(folder),
    "frozen": lambda config, labels, folder: FrozenClassifier.load(config, folder),
    "untrained": _untrained,
}
