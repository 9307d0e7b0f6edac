"""Annotations: tags, notes and proposed labels on the Failures page, and their import and export."""

import csv
import io

import pytest

from core.config import RunConfig
from core.data import load_data
from core.errors import RequestError
from core.store.engine import open_store
from core.store.queries import annotations
from core.store.records import ANNOTATION_FIELDS
from core.store.run_edits import annotate
from dashboard import data
from dashboard.app_pages.failures import view_data
from dashboard.components.annotations import export_csv
from dashboard.components.annotations.clean import clean_examples
from dashboard.components.annotations.import_csv import read_annotations
from dashboard.components.safe_text import escape_markdown
from dashboard.components.table_downloads import spreadsheet_csv
from tests.dashboard.hard_texts import HOSTILE, LABELS
from tests.dashboard.reading import button, example_of, listed, page_text
from tests.seeded import record_adapters

EMPTY = dict.fromkeys(ANNOTATION_FIELDS)


# --- The form ---------------------------------------------------------------------------------------


def field(app, label):
    fields = (*app.multiselect, *app.selectbox, *app.text_area)
    return next(element for element in fields if element.label.startswith(label))


def tags_of(store):
    return annotations(store)["tag"].dropna().tolist()


def test_saved_annotation_belongs_to_the_text_in_all_runs(hard, open_page):
    store, weak, strong = hard
    example = example_of(store, weak, HOSTILE[0])
    app = open_page("failures", run=weak, example=example)
    field(app, "Note").input("not =this *one*").run()
    button(app, escape_markdown(LABELS[1])).click().run()
    for run in (weak, strong):
        rows = listed(open_page("failures", run=run, noted="with a proposed label"))
        assert rows[["text", "note", "proposed label"]].to_numpy().tolist() == [
            [HOSTILE[0], "not =this *one*", LABELS[1]]
        ]
    button(open_page("failures", run=weak, example=example), "Delete annotation").click().run()
    assert annotations(store).empty


def test_tags_are_added_and_removed_one_by_one(hard, open_page):
    store, weak, _ = hard
    annotate(store, {HOSTILE[1]: {"tag": "irony, typo"}})
    app = open_page("failures", run=weak, example=example_of(store, weak, HOSTILE[1]))
    assert field(app, "Tags").value == ["irony", "typo"]
    annotate(store, {HOSTILE[1]: {"tag": "irony, theirs, typo"}})  # somebody else, meanwhile
    field(app, "Tags").set_value(["typo", "<b>*new*</b>, second"]).run()
    assert tags_of(store) == ["<b>*new*</b>, second, theirs, typo"]
    app.button(key="undo annotation").click().run()
    assert tags_of(store) == ["irony, theirs, typo"]
    assert "Undo" not in [element.label for element in app.button]


def test_tag_among_others_filters(hard, open_page):
    store, weak, _ = hard
    annotate(store, {HOSTILE[0]: {"tag": "irony, typo"}, HOSTILE[1]: {"tag": "irony"}, HOSTILE[2]: {"tag": "iron"}})
    rows = listed(open_page("failures", run=weak, noted="tag: irony"))
    assert sorted(rows["tags"]) == ["irony", "irony, typo"]


def test_note_that_is_refused_stays_in_its_field(hard, open_page):
    store, weak, _ = hard
    app = open_page("failures", run=weak, example=example_of(store, weak, HOSTILE[0]))
    secret = "hf_" + "aB3dE5gH7j" * 3  # not a real one
    field(app, "Note").input(f"see {secret}").run()
    assert annotations(store).empty
    assert field(app, "Note").value == f"see {secret}"
    assert "secret" in app.toast[0].value


def test_annotated_view_lists_correct_predictions_and_searches_notes(hard, open_page):
    store, weak, _ = hard
    correct = "Film 9 is quite fine."
    annotate(store, {correct: {"note": "Zebra [x](javascript:alert(1))"}, HOSTILE[0]: {"tag": "stripes"}})
    assert sorted(listed(open_page("failures", run=weak, view="annotated"))["text"]) == sorted([HOSTILE[0], correct])
    assert list(listed(open_page("failures", run=weak, view="annotated", contains="zebra [X]"))["text"]) == [correct]
    assert list(listed(open_page("failures", run=weak, contains="STRIPE"))["text"]) == [HOSTILE[0]]


def test_page_says_that_nothing_is_annotated(hard, open_page):
    assert "No annotated example" in open_page("failures", run=hard[1], view="annotated").info[0].value


def test_checked_rows_are_annotated_together(hard, open_page):
    store, weak, _ = hard
    app = open_page("failures", run=weak)
    assert "Add tags" not in [element.label for element in app.multiselect]
    texts = listed(app)["text"].tolist()[1:3]
    annotate(store, {texts[0]: {"tag": "old", "note": "kept"}})
    app.session_state[app.dataframe[0].key] = {"selection": {"rows": [1, 2], "columns": [], "cells": []}}
    app.run()
    assert field(app, "Remove tags").options == ["old"]
    field(app, "Add tags").set_value(["bulk"])
    field(app, "Remove tags").set_value(["old"])
    field(app, "Proposed label").select(LABELS[0])
    button(app, "Save").click().run()
    rows = annotations(store)[["tag", "proposed_label"]].to_numpy().tolist()
    assert rows == [["bulk", LABELS[0]], ["bulk", LABELS[0]]]
    assert set(annotations(store)["note"].dropna()) == {"kept"}
    app.button(key="undo annotation").click().run()
    assert annotations(store)[["tag", "note"]].to_numpy().tolist() == [["old", "kept"]]


def test_labels_beyond_nine_are_in_a_select_box(empty, open_page):
    store = open_store(str(empty), create=True)
    (run,) = record_adapters(store, 11, 0.6)
    labels = data.labels(run)
    app = open_page("failures", run=run, answers="all", example=example_of(store, run, "test 4"))
    shown = [element.label for element in app.button if element.key and element.key.startswith("propose")]
    assert shown == [escape_markdown(label) for label in labels[:9]]
    field(app, "Other label").select(labels[10]).run()
    assert annotations(store)["proposed_label"].tolist() == [labels[10]]


def test_suspect_labels_differ_from_the_suggested_ones(hard, open_page):
    store, weak, _ = hard
    app = open_page("failures", run=weak, view="labels in doubt", example=example_of(store, weak, HOSTILE[0]))
    rows = listed(app)
    assert len(rows) > 0
    assert (rows["true"] != rows["suggested label"]).all()
    assert f"Several runs suggest {LABELS[1]}" in page_text(app)


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
    examples = view_data.predicted_examples(weak, [strong]).iloc[8:12]
    table = export_csv.listed_examples(weak, view_data.sort_examples(examples, "most disputed first", weak, 1))
    assert {"text", "label", "predicted", "loss", "flip", "disagreement", "stars", "text (data)", "tag"} <= set(table)
    assert table["text (data)"].tolist() == ["own"] * 4
    assert not table.isna().any().any()


def test_exported_suspect_labels_have_their_own_source_columns(hard):
    suspects = view_data.suspect_examples(hard[1])
    table = export_csv.listed_examples(hard[1], suspects)
    assert table["stars"].tolist() == [str(extra["stars"]) for extra in suspects["extra"]]
    assert table["suggested"].tolist() == suspects["suggested"].tolist()
    assert "quality" in table


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


def test_import_reads_several_tags():
    rows = 'text,tag\na,"typo, irony"\nb,"irony,typo,"\n'
    stored = {"a": EMPTY, "b": EMPTY | {"tag": "irony, typo"}}
    imported = read_annotations(rows.encode(), stored, LABELS)
    assert (imported.texts, imported.changes) == (2, {"a": {"tag": "irony, typo"}})


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
    assert len(app.get("download_button")) == 3


def test_uploaded_file_is_summarized_before_it_is_imported(hard, open_page):
    store, weak, _ = hard
    app = open_page("failures", run=weak)
    app.session_state["files"] = True
    app.run()
    content = f'text,tag\n"{HOSTILE[0]}",from a file\nunknown,x\n'.encode()
    app.file_uploader[0].upload("annotations.csv", content, "text/csv").run()
    assert "1 annotation, 1 new or changed. 1 text is not in this data set" in page_text(app)
    assert annotations(store).empty
    button(app, "Import annotations").click().run()
    assert annotations(store)["tag"].tolist() == ["from a file"]
    assert "1 annotation, 0 new or changed." in page_text(app)


def test_ten_thousand_annotations_are_imported(hard, open_page):
    store, weak, _ = hard
    rows = "".join(f'text {number},"irony, tag {number}",<b>*x*</b>\n' for number in range(10_000))
    texts = dict.fromkeys((f"text {number}" for number in range(10_000)), EMPTY)
    imported = read_annotations(f"text,tag,note\n{rows}".encode(), texts, LABELS)
    assert len(annotate(store, imported.changes)) == 10_000
    assert len(data.tags()) == 200 and "irony" in data.tags()
    assert len(listed(open_page("failures", run=weak, noted="not annotated"))) == 50
    annotate(store, texts)


def test_invalid_upload_shows_the_reason(hard, open_page):
    app = open_page("failures", run=hard[1])
    app.session_state["files"] = True
    app.run()
    app.file_uploader[0].upload("annotations.csv", b"a,b\n1,2\n", "text/csv").run()
    assert len(app.error) == 1


# --- The cleaned data set ---------------------------------------------------------------------------


def test_cleaned_data_set_is_read_by_the_runner_with_the_same_splits(hard, tmp_path):
    store, weak, _ = hard
    dataset_id = data.run(weak).dataset_id
    removed, relabeled, ignored = "Film 9 is quite fine.", HOSTILE[6], "Film 10 is quite fine."
    annotate(
        store,
        {
            removed: {"tag": "odd, remove", "proposed_label": LABELS[0]},
            relabeled: {"proposed_label": LABELS[1]},
            ignored: {"tag": "removed", "proposed_label": "label of another data set"},
            HOSTILE[5]: {"tag": "remove"},  # files with NUL are refused
        },
    )
    cleaned = clean_examples(dataset_id, "remove")
    assert (cleaned.relabeled, cleaned.removed) == (1, 2)
    cleaned.rows.to_csv(tmp_path / "cleaned.csv", index=False)
    loaded = load_data(RunConfig(dataset=str(tmp_path / "cleaned.csv")))
    before = data.examples(dataset_id)
    for name, split in loaded.splits.items():
        rows = before[(before["split"] == name) & ~before["text"].isin([removed, HOSTILE[5]])]
        labels = dict(zip(rows["text"], rows["label"], strict=True)) | (
            {relabeled: LABELS[1]} if name == "test" else {}
        )
        assert {text: loaded.labels[label] for text, label in zip(split.texts, split.labels, strict=True)} == labels


def test_download_states_what_the_cleaned_data_set_changes(hard, open_page):
    store, weak, _ = hard
    annotate(store, {HOSTILE[0]: {"tag": "remove"}, HOSTILE[6]: {"proposed_label": LABELS[1]}})
    app = open_page("failures", run=weak)
    app.session_state["files"] = True
    app.run()
    help_ = next(box.proto.help for box in app.get("download_button") if box.proto.label == "Cleaned data set")
    assert "replace 1 label; 1 text with the tag 'remove' left out." in help_.replace("\\", "")
    assert "Splits: test, train, validation." in help_.replace("\\", "")
