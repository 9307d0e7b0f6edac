"""Predictions of saved runs on text that the user types."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.errors import BenchError, RequestError
from core.text.sanitize import escape_invisible
from dashboard.data.cache import store
from dashboard.data.cache import version as current
from dashboard.data.runs import run, temperature
from dashboard.data.sanitize_records import sanitize_record

if TYPE_CHECKING:
    from core.serving.inference import LoadedRun
    from core.serving.shared_base import BaseModelCache


@st.cache_resource(show_spinner=False)
def _bases() -> "BaseModelCache":
    from core.serving.shared_base import BaseModelCache

    return BaseModelCache()


@st.cache_resource(max_entries=4, show_spinner=False)
def _loaded(address: str, run_id: int, sha256: str | None) -> "LoadedRun":
    from core.serving.inference import load_run

    try:
        return load_run(store(), run_id, _bases())
    except BenchError:
        raise
    except Exception as error:  # damaged or foreign files raise anything
        raise RequestError(f"Cannot load the files of run {run_id} ({type(error).__name__}: {error}).") from error


def predict(run_id: int, text: str) -> pd.DataFrame:
    """Return label and probability for one text, calibrated if a temperature was fitted.

    The first call for a run loads its model.
    """
    from core.evaluation.calibration import apply_temperature

    loaded = _loaded(current().address, run_id, run(run_id).adapter_sha256)
    shares = apply_temperature(loaded.predict([text]), temperature(run_id) or 1.0)
    return sanitize_record(pd.DataFrame({"label": loaded.labels, "probability": shares[0].astype(float)}))


@st.cache_data(max_entries=64, show_spinner=False)
def _weights(address: str, run_id: int, sha256: str | None, text: str, label: str | None) -> pd.DataFrame:
    loaded = _loaded(address, run_id, sha256)
    exact = next((name for name in loaded.labels if escape_invisible(name) == label), label)
    weights = [vars(weight) for weight in loaded.word_weights(text, exact)]
    return sanitize_record(pd.DataFrame(weights, columns=["word", "start", "end", "weight"]))


def word_weights(run_id: int, text: str, label: str | None = None) -> pd.DataFrame:
    """Return the weight of each word for a label, in log-odds: word, start, end and weight.

    The label is the predicted one by default. The first call for a run loads its model.
    """
    return _weights(current().address, run_id, run(run_id).adapter_sha256, text, label)
