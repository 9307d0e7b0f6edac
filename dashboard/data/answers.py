"""Runs that answer a text that a person writes."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.errors import BenchError, RequestError
from core.text.sanitize import escape_invisible
from dashboard.data.cache import store
from dashboard.data.cache import version as current
from dashboard.data.runs import run, temperature

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
    except Exception as error:  # a stranger's files can be anything, and what reads them says it in many ways
        raise RequestError(f"The files of run {run_id} can't be used ({type(error).__name__}: {error}).") from error


def predict(run_id: int, text: str) -> pd.DataFrame:
    """Return label and probability for one text, at the fitted temperature where there is one.

    The first call for a run loads its model.
    """
    from core.evaluation.calibration import apply_temperature

    loaded = _loaded(current().address, run_id, run(run_id).adapter_sha256)
    shares = apply_temperature(loaded.predict([text]), temperature(run_id) or 1.0)
    return pd.DataFrame({"label": map(escape_invisible, loaded.labels), "probability": shares[0].astype(float)})


@st.cache_data(max_entries=64, show_spinner=False)
def _weights(address: str, run_id: int, sha256: str | None, text: str, label: str | None) -> pd.DataFrame:
    loaded = _loaded(address, run_id, sha256)
    found = loaded.word_weights(text, next((one for one in loaded.labels if escape_invisible(one) == label), label))
    return pd.DataFrame([vars(one) for one in found], columns=["word", "start", "end", "weight"])


def word_weights(run_id: int, text: str, label: str | None = None) -> pd.DataFrame:
    """Return how much each word of a text speaks for a label, in log-odds: word, start, end and weight.

    The label is the predicted one where none is given. The first call for a run loads its model.
    """
    return _weights(current().address, run_id, run(run_id).adapter_sha256, text, label)
