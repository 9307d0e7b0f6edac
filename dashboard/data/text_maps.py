"""Maps of the texts of a test set: their features in two dimensions, computed on demand and kept in memory."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.evaluation import projection
from dashboard.data.cache import store
from dashboard.data.datasets import dataset, test_set_of
from dashboard.data.predictions import predictions_with_outcomes, true_codes
from dashboard.data.runs import complete_runs, config_of, exact_run, run_row

MAX_TEXTS = 5_000
"""Of a larger test set, the map shows a sample."""
_MAX_MAPS = 64
_TFIDF = "TF-IDF"


@dataclass(frozen=True)
class TextMap:
    """Positions of n test examples, coordinates [n, 2], and the share of the variance on each axis, if known."""

    positions: NDArray[np.int64]
    coordinates: NDArray[np.float32]
    explained: tuple[float, float] | None


@st.cache_resource(show_spinner=False)
def _maps() -> dict[Hashable, TextMap]:
    """Return the maps of this process by test set, features and method."""
    return {}


def projection_methods() -> tuple[str, ...]:
    """Return the projection methods that are installed, the default first."""
    return projection.available_methods()


def map_features(run_id: int) -> str:
    """Return whose features place the texts of a run's test set: the name of a base model, or TF-IDF."""
    encoder = _encoder(run_id)
    return _TFIDF if encoder is None else str(run_row(encoder).model)


def text_map(run_id: int, method: str) -> TextMap | None:
    """Return the map of a run's test set, if it has been computed."""
    return _maps().get(_key(run_id, method))


def compute_text_map(run_id: int, method: str, on_progress: Callable[[int, int], None]) -> TextMap:
    """Compute the map of a run's test set, and keep it in memory.

    ``on_progress``: is called with the number of texts that are done and that of all. Raises `RequestError` if the
    base model cannot be loaded.
    """
    frame = predictions_with_outcomes(run_id)
    rows = projection.sample_stratified(true_codes(run_id), MAX_TEXTS)
    texts = frame["text"].iloc[rows].tolist()
    features = _features(_encoder(run_id), texts, lambda done: on_progress(done, len(texts)))
    projected = projection.project(features, method)
    result = TextMap(frame["position"].to_numpy()[rows], projected.coordinates, projected.explained)
    maps = _maps()
    while len(maps) >= _MAX_MAPS:
        maps.pop(next(iter(maps)))
    maps[_key(run_id, method)] = result
    return result


def _features(encoder: int | None, texts: list[str], on_progress: Callable[[int], None]) -> Any:
    """Return features [n, d] of the base model of a run, or sparse TF-IDF weights."""
    if encoder is not None:
        from core.serving.text_features import base_features

        return base_features(store(), encoder, texts, on_progress)
    from core.evaluation.neighbors import index_texts

    weights = index_texts(texts).weights
    return np.zeros((len(texts), 1)) if weights is None else weights


def _encoder(run_id: int) -> int | None:
    """Return the run whose base model is the encoder: the run itself, else the newest of its test set with one."""
    if exact_run(run_id).model is not None:
        return run_id
    runs = complete_runs(test_set_of(run_id) or 0)
    with_model = runs.loc[runs["model"] != "none", "id"]
    return None if with_model.empty else int(with_model.max())


def _key(run_id: int, method: str) -> Hashable:
    """Return what a map depends on: the texts, the encoder and the method."""
    encoder, dataset_id = _encoder(run_id), test_set_of(run_id)
    texts = None if dataset_id is None else dataset(dataset_id).evaluation_fingerprint
    if encoder is None:
        return texts, method
    model = exact_run(encoder)
    return texts, method, model.model, model.model_revision, config_of(encoder).get("max_length")
