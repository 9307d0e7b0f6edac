"""Annotations: tags, notes and proposed labels on the Failures page, and their import and export."""

import csv
import io

import pytest

from core.errors import RequestError
from core.store.engine import open_store
from core.store.queries import annotations
from core.store.records import ANNOTATION_FIELDS
from core.store.run_edits import annotate
from dashboard import data
from dashboard.app_pages.failures import view_data
from dashboard.components.annotations import export_csv
from dashboard.components.annotations.import_csv import read_annotations
from dashboard.components.table_downloads import spreadsheet_csv
from tests.dashboard.hard_texts import HOSTILE, LABELS
from tests.dashboard.reading import button, example_of, listed, page_text
from tests.seeded import record_adapters

EMPTY = dict.fromkeys(ANNOTATION_FIELDS)


# --- The form ---------------------------------------------------------------------------------------


def save_annotation(app, tag=None, note=None, label=None):
    fields = {element.label: element for element in (*app.selectbox, *app.text_area)}
    if tag:
        fields["Tag"].set_value(tag)
    if note:
        fields["Note"].input(note)
    if label:
        fields["Proposed label"].select(label)
    button(app, "Save").click().run()
    assert not app.exception


def test_saved_annotation_belongs_to_the_text_in_all_runs(hard, open_page):
    store, weak, strong = hard
    example = example_of(store, weak, HOSTILE[0])
    save_annotation(open_page("failures", run=weak, example=example), note="not =this *one*", label=LABELS[1])
    for run in (weak, strong):
        rows = listed(open_page("failures", run=run, noted="with a proposed label"))
        assert rows[["text", "note", "proposed label"]].to_numpy().tolist() == [
            [HOSTILE[0], "not =this *one*", LABELS[1]]
        ]
    button(open_page("failures", run=weak, example=example), "Remove").click().run()
    assert annotations(store).empty


def test_used_tag_is_offered_and_filters(hard, open_page):
    store, weak, _ = hard
    annotate(store, {HOSTILE[1]: {"tag": "irony"}})
    app = open_page("failures", run=weak, example=example_of(store, weak, HOSTILE[0]))
    assert "irony" in next(element for element in app.selectbox if element.label == "Tag").options
    save_annotation(app, tag="irony")
    assert list(listed(open_page("failures", run=weak, noted="tag: irony"))["tag"]) == ["irony", "irony"]


def test_saving_keeps_fields_that_somebody_else_changed(hard, open_page):
    store, weak, _ = hard
    app = open_page("failures", run=weak, example=example_of(store, weak, HOSTILE[0]))
    app.text_area[0].input("mine")
    annotate(store, {HOSTILE[0]: {"tag": "theirs"}})
    button(app, "Save").click().run()
    assert annotations(store)[["tag", "note"]].to_numpy().tolist() == [["theirs", "mine"]]


def test_suggested_label_of_a_suspect_example_can_be_proposed(hard, open_page):
    store, weak, _ = hard
    annotate(store, {HOSTILE[0]: {"tag": "kept"}})
    app = open_page("failures", run=weak, view="labels in doubt", example=example_of(store, weak, HOSTILE[0]))
    rows = listed(app)
    assert len(rows) > 0
    assert (rows["true"] != rows["suggested label"]).all()
    next(element for element in app.button if element.label.startswith("Propose")).click().run()
    assert annotations(store).iloc[-1][["tag", "proposed_label"]].tolist() == ["kept", LABELS[1]]


def test_suspect_labels_need_two_judges(seeded, open_page):
    app = open_page("failures", run=seeded.flawed, view="labels in doubt")
    assert "Suspect labels need two kinds of runs" in page_text(app)
    assert view_data.suspect_examples(seeded.flawed).empty


def test_suspect_labels_are_those_that_two_judges_doubt(hard, open_page):
    _, weak, strong = hard
    text = page_text(open_page("failures", run=strong, view="labels in doubt"))
    assert f"#{strong} strong, #{weak} weak suggest the same other label. About " in text
    wrong = [set(data.predictions_with_outcomes(run).query("not is_correct")["text"]) for run in (weak, strong)]
    suspects = set(view_data.suspect_examples(weak)["text"])
    assert suspects and suspects <= set.intersection(*wrong)


def test_suspect_labels_of_the_shipped_runs_are_few_and_show_the_rater_deviation(shipped_record, monkeypatch):
    monkeypatch.setenv("RUNS_DB", str(shipped_record / "runs.db"))
    runs = data.all_runs().query("dataset == 'movie-reviews-3' and method == 'lora'")
    run_id = int(runs["id"].iloc[0])
    suspects = view_data.suspect_examples(run_id)
    errors = int((~data.predictions_with_outcomes(run_id)["is_correct"]).sum())
    assert data.suspects(run_id).expected < len(suspects) < errors / 2
    assert suspects["deviation"].notna().all()


# --- Import and export ------------------------------------------------------------------------------


def hostile_texts(**annotation):
    return dict.fromkeys(HOSTILE, EMPTY | annotation)


def test_exported_annotations_can_be_imported_again(hard):
    store, weak, _ = hard
    notes = {HOSTILE[6]: "=cmd|' /C calc'!A0", HOSTILE[7]: 'two\nlines, "so" — ünï 👍', HOSTILE[5]: "-5"}
    saved = {text: dict(zip(ANNOTATION_FIELDS, ("@tag", note, LABELS[0]), strict=True)) for text, note in notes.items()}
    annotate(store, saved)
    file = spreadsheet_csv(export_csv.annotated_examples(weak))
    rows = list(csv.DictReader(io.StringIO(file.removeprefix("\ufeff"), newline="")))
    assert "'=cmd|' /C calc'!A0" in {row["note"] for row in rows}
    assert {row["tag"] for row in rows} == {"'@tag"}
    imported = read_annotations(file.encode(), hostile_texts(), LABELS)
    assert (imported.texts, imported.changes, imported.unknown) == (3, saved, 0)


def test_exported_list_has_outcomes_and_source_columns(hard):
    _, weak, strong = hard
    examples = view_data.predicted_examples(weak, strong).iloc[8:12]
    table = export_csv.listed_examples(weak, view_data.sort_examples(examples, "most disputed first", weak, 1))
    assert {"text", "label", "predicted", "loss", "flip", "disagreement", "stars", "text (data)", "tag"} <= set(table)
    assert table["text (data)"].tolist() == ["own"] * 4
    assert not table.isna().any().any()


def test_examples_without_source_columns_can_be_exported(empty):
    store = open_store(str(empty), create=True)
    (run,) = record_adapters(store, 2, 0.6)
    assert len(export_csv.listed_examples(run, view_data.predicted_examples(run).iloc[3:6])) == 3
    annotate(store, {"test 4": {"tag": "x"}})
    assert list(export_csv.annotated_examples(run)["text"]) == ["test 4"]


def test_import_keeps_fields_without_a_column_and_skips_unknown_texts():
    rows = f"text;tag\n{HOSTILE[0]};new\nunknown;new\n{HOSTILE[1]};\n"
    imported = read_annotations(rows.encode("utf-8-sig"), hostile_texts(note="kept"), LABELS)
    assert imported.changes == {HOSTILE[0]: {"tag": "new"}}
    assert imported.unknown == 1


def test_import_ignores_rows_that_repeat_the_stored_annotation():
    rows = "text,tag,note\na,new,kept\na,old,kept\na,new,kept\n"
    imported = read_annotations(rows.encode(), {"a": EMPTY | {"tag": "old", "note": "kept"}}, LABELS)
    assert (imported.texts, imported.changes) == (1, {"a": {"tag": "new"}})


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param(b"text,tag\na,b\nx,y\na,c\n", "conflicting_rows", id="contradiction"),
        pytest.param(b"tag,note\na,b\n", "missing_column", id="no-text-column"),
        pytest.param(b"text,label\na,b\n", "missing_column", id="no-annotation-column"),
        pytest.param(b"text,tag,tag\na,b,c\n", "duplicate_column", id="duplicate-column"),
        pytest.param("text,tag\nä,b\n".encode("latin-1"), "encoding", id="latin-1"),
        pytest.param(b"  \n", "empty_file", id="blank"),
        pytest.param(b'text,tag\n"never closed,b\n', "invalid_csv", id="open-quote"),
        pytest.param(b"text,tag\na,b,c\n", "cell_count", id="too-many-cells"),
        pytest.param(b"text,tag\na\n", "cell_count", id="too-few-cells"),
        pytest.param(b"text,proposed_label\na,goood\n", "unknown_label", id="unknown-label"),
        pytest.param(b"text,tag\na," + b"x" * 51, "tag_length", id="long-tag"),
        pytest.param(b"text,tag\n" + b"x" * 20_000_001, "file_size", id="large-file"),
    ],
)
def test_invalid_file_is_rejected(content, code):
    with pytest.raises(RequestError, match="Nothing was imported") as error:
        read_annotations(content, {"a": EMPTY}, ["good", "bad"])
    assert error.value.code == code


def test_unknown_label_gets_a_suggestion():
    with pytest.raises(RequestError, match="Line 2: unknown label 'goood'. Did you mean 'good'"):
        read_annotations(b"text,proposed_label\na,goood\n", {"a": EMPTY}, ["good", "bad"])


def test_download_buttons_are_drawn_while_their_box_is_open(hard, open_page):
    _, weak, _ = hard
    app = open_page("failures", run=weak)
    assert not app.get("download_button")
    app.session_state["files"] = True
    app.run()
    assert len(app.get("download_button")) == 2


def test_uploaded_file_is_summarized_before_it_is_imported(hard, open_page):
    store, weak, _ = hard
    app = open_page("failures", run=weak)
    content = f'text,tag\n"{HOSTILE[0]}",from a file\nunknown,x\n'.encode()
    app.file_uploader[0].upload("annotations.csv", content, "text/csv").run()
    assert "1 annotation, 1 new or changed. 1 text is not in this data set" in page_text(app)
    assert annotations(store).empty
    button(app, "Import annotations").click().run()
    assert annotations(store)["tag"].tolist() == ["from a file"]


def test_invalid_upload_shows_the_reason(hard, open_page):
    app = open_page("failures", run=hard[1])
    app.file_uploader[0].upload("annotations.csv", b"a,b\n1,2\n", "text/csv").run()
    assert len(app.error) == 1
