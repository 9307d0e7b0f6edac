"""`dashboard.data` sanitizes untrusted text when it is read, and all sources return the same sanitized text."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from core.store import queries
from core.store.engine import open_store
from core.text.sanitize import escape_invisible
from dashboard import data
from dashboard.app_pages.compare.view_data import class_changes
from dashboard.components.safe_text import escape_markdown, isolate_rtl
from dashboard.data.sanitize_records import sanitize_record
from tests.dashboard.reading import PAGES
from tests.hostile import LABELS, HostileDatabase, make_hostile_database

RAW, SAFE = "\u202eevil", "⟨U+202E⟩evil"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> HostileDatabase:
    return make_hostile_database(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def hostile(recorded, monkeypatch) -> HostileDatabase:
    monkeypatch.setenv("RUNS_DB", str(recorded.database))
    return recorded


@dataclass(frozen=True)
class Record:
    name: str
    labels: tuple[str, ...]
    settings: dict[str, object]
    codes: np.ndarray


def test_texts_at_any_depth_are_sanitized():
    codes = np.arange(3)
    record = sanitize_record((Record(RAW, (RAW, "plain"), {RAW: [RAW, 1, None]}, codes),))
    assert record == (Record(SAFE, (SAFE, "plain"), {SAFE: [SAFE, 1, None]}, codes),)
    assert record[0].codes is codes


def test_values_without_unsafe_text_are_not_copied():
    for value in ([{"a": ("plain", 1.5)}], Record("plain", (), {}, np.arange(3)), pd.DataFrame({"a": ["x", None]})):
        assert sanitize_record(value) is value


def test_exact_columns_of_a_frame_are_kept():
    frame = sanitize_record(pd.DataFrame({"text": [RAW], "label": [RAW], "count": [1]}), exact=["text"])
    assert frame.to_dict("records") == [{"text": RAW, "label": SAFE, "count": 1}]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_on_a_hostile_record(page, hostile, open_page):
    for run in (hostile.adapter, hostile.failed, hostile.crashed, hostile.trashed):
        open_page(page, run=run)


def test_labels_are_the_same_from_every_source(hostile):
    labels = list(map(escape_invisible, LABELS))
    assert data.labels(hostile.adapter) == labels
    assert list(data.comparison(hostile.adapter, hostile.baseline).labels) == labels
    assert data.class_metrics(hostile.adapter)["f1"].notna().all()
    assert set(data.predictions_with_outcomes(hostile.adapter)["label"]) == set(data.balance(1)["label"]) == set(labels)
    assert class_changes(hostile.adapter, hostile.baseline)[["a", "b"]].notna().all(axis=None)
    shares = data.disagreement(hostile.adapter, [hostile.other, hostile.baseline])
    assert shares.between(0, 1).all() and shares.nunique() > 1


def test_everything_but_example_texts_is_safe_to_show(hostile):
    def texts(value):
        if isinstance(value, str):
            return [value]
        if isinstance(value, pd.DataFrame):
            return texts(value.drop(columns=["text"], errors="ignore").to_dict("list"))
        if isinstance(value, dict):
            return [text for item in (*value, *value.values()) for text in texts(item)]
        if isinstance(value, list | tuple):
            return [text for item in value for text in texts(item)]
        return texts(vars(value)) if hasattr(value, "__dataclass_fields__") else []

    run = hostile.adapter
    results = [
        data.all_runs(),
        data.trashed_runs(),
        data.test_sets(),
        data.dataset(1),
        data.examples(1),
        data.balance(1),
    ]
    results += [data.run(number) for number in (run, hostile.failed, hostile.crashed, hostile.trashed)]
    results += [data.annotated(data.predictions_with_outcomes(run)), data.source_columns(1), data.slices(run)]
    results += [data.comparison(run, hostile.baseline), list(data.log_lines(hostile.crashed)["text"])]
    results += [data.run_label(hostile.failed), data.verdict_sentences(run, hostile.baseline), data.command("resume 1")]
    unsafe = [text for text in texts(results) if escape_invisible(text) != text]
    assert not unsafe


def test_example_texts_configs_and_folder_names_are_not_sanitized(hostile):
    store = open_store(str(hostile.database))
    frame = data.predictions_with_outcomes(hostile.adapter)
    assert frame["text"].tolist() == queries.predictions(store, hostile.adapter)["text"].tolist()
    assert data.example_text(str(frame["example_id"].iloc[20])) == frame["text"].iloc[20]
    assert data.config_of(hostile.crashed) == queries.run(store, hostile.crashed).config
    folder = queries.run(store, hostile.adapter).adapter_folder(store.folder)
    assert data.folder_name(hostile.adapter) == folder.name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("'רע': 5 times", "'\u2067רע\u2069': 5 times", id="quoted-hebrew"),
        pytest.param("#7 שלום, עולם 3 against #8", "#7 \u2067שלום, עולם\u2069 3 against #8", id="hebrew-name"),
        pytest.param("\u202eevil", "⟨U+202E⟩evil", id="right-to-left-override"),
        pytest.param("plain", "plain", id="plain"),
    ],
)
def test_right_to_left_words_are_isolated(text, shown):
    assert isolate_rtl(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("see https://a.org", r"see \u2060https\:\/\/a\.org", id="url"),
        pytest.param("www.a.org", "\u2060www\\.a\\.org", id="www"),
        pytest.param(":streamlit:", "\\:\u2060streamlit\\:", id="icon"),
        pytest.param("at 10:20", "at 10\\:20", id="time"),
        pytest.param("a -- b --db", "a \u2060\\-\\- b \\-\\-db", id="dashes"),
    ],
)
def test_markdown_extensions_find_nothing_in_escaped_text(text, shown):
    assert escape_markdown(text) == shown.replace(r"\u2060", "\u2060")
