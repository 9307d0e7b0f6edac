"""What hides in the record is seen on the screens, and what hangs together in it still does."""

import pytest

from core.store import queries
from core.store.engine import open_store
from core.text.sanitize import escape_invisible
from dashboard import data
from dashboard.app_pages.compare.view_data import class_changes
from dashboard.components.safe_text import escape_markdown, isolate_rtl
from tests.dashboard.reading import PAGES
from tests.hostile import LABELS, Hostile, record_hostile


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Hostile:
    return record_hostile(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def hostile(recorded, monkeypatch) -> Hostile:
    monkeypatch.setenv("RUNS_DB", str(recorded.database))
    return recorded


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_on_a_hostile_record(page, hostile, open_page):
    for run in (hostile.adapter, hostile.failed, hostile.crashed, hostile.trashed):
        open_page(page, run=run)


def test_labels_read_the_same_wherever_they_come_from(hostile):
    labels = list(map(escape_invisible, LABELS))
    assert data.labels(hostile.adapter) == labels
    assert data.class_metrics(hostile.adapter)["f1"].notna().all()
    assert set(data.predictions_with_outcomes(hostile.adapter)["label"]) == set(data.balance(1)["label"]) == set(labels)
    assert class_changes(hostile.adapter, hostile.baseline)[["a", "b"]].notna().all(axis=None)
    shares = data.disagreement(hostile.adapter, [hostile.other, hostile.baseline])
    assert shares.between(0, 1).all() and shares.nunique() > 1


def test_texts_and_settings_stay_as_they_are(hostile):
    store = open_store(str(hostile.database))
    assert (
        data.predictions_with_outcomes(hostile.adapter)["text"].tolist()
        == queries.predictions(store, hostile.adapter)["text"].tolist()
    )
    frame = data.predictions_with_outcomes(hostile.adapter)
    assert data.example_text(str(frame["example_id"].iloc[20])) == frame["text"].iloc[20]
    assert data.run(hostile.crashed).config == queries.run(store, hostile.crashed).config
    assert data.run(hostile.adapter).adapter_folder(store.folder) == queries.run(store, hostile.adapter).adapter_folder(
        store.folder
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("«רע»: 5 times", "«\u2067רע\u2069»: 5 times", id="quoted-hebrew"),
        pytest.param("#7 שלום, עולם 3 against #8", "#7 \u2067שלום, עולם\u2069 3 against #8", id="hebrew-name"),
        pytest.param("\u202eevil", "⟨U+202E⟩evil", id="right-to-left-override"),
        pytest.param("plain", "plain", id="plain"),
    ],
)
def test_letters_that_run_to_the_left_turn_nothing_round(text, shown):
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
def test_markdown_finds_nothing_later_either(text, shown):
    assert escape_markdown(text) == shown.replace(r"\u2060", "\u2060")
