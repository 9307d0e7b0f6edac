"""Annotations: tags, notes and proposed labels on the page of the failures, and their files."""

import csv
import io

import pytest

from core.store.engine import open_store
from core.store.queries import annotations
from core.store.records import ANNOTATION_FIELDS
from core.store.run_edits import annotate
from dashboard.app_pages.failures import view_data as frames
from dashboard.components import table_downloads as exports
from dashboard.components.annotations import files
from dashboard.components.annotations import import_csv as annotating
from tests.dashboard.hard_texts import HOSTILE, LABELS, SIZE
from tests.dashboard.reading import button, example_of, listed, page_text
from tests.seeded import record_adapters

NOTHING = dict.fromkeys(ANNOTATION_FIELDS)


# --- Annotations ------------------------------------------------------------------------------------


def fill(app, tag=None, note=None, label=None):
    fields = {element.label: element for element in (*app.selectbox, *app.text_area)}
    if tag:
        fields["Tag"].set_value(tag)
    if note:
        fields["Note"].input(note)
    if label:
        fields["Proposed label"].select(label)
    button(app, "Save").click().run()
    assert not app.exception


def test_an_annotation_shows_in_the_list_after_a_reload_and_for_another_run(hard, open_page):
    store, weak, strong = hard
    example = example_of(store, weak, HOSTILE[0])
    fill(open_page("failures", run=weak, example=example), note="not =this *one*", label=LABELS[1])
    for run in (weak, strong):
        app = open_page("failures", run=run, example=example)
        shown = listed(app).set_index("text").loc[HOSTILE[0]]
        assert (shown["note"], shown["proposed label"]) == ("not =this *one*", LABELS[1])
        assert len(listed(open_page("failures", run=run, noted="with a proposed label"))) == 1
    button(open_page("failures", run=weak, example=example), "Take back").click().run()
    assert "note" not in listed(open_page("failures", run=weak))


def test_a_tag_is_offered_again_and_filters(hard, open_page):
    store, weak, _ = hard
    annotate(store, {HOSTILE[1]: {"tag": "irony"}})
    app = open_page("failures", run=weak, example=example_of(store, weak, HOSTILE[0]))
    assert "irony" in next(element for element in app.selectbox if element.label == "Tag").options
    fill(app, tag="irony")
    assert list(listed(open_page("failures", run=weak, noted="tag: irony"))["tag"]) == ["irony", "irony"]
    assert len(listed(open_page("failures", run=weak, noted="annotated"))) == 2


def test_a_form_keeps_what_somebody_else_noted_meanwhile(hard, open_page):
    store, weak, _ = hard
    app = open_page("failures", run=weak, example=example_of(store, weak, HOSTILE[0]))
    app.text_area[0].input("mine")
    annotate(store, {HOSTILE[0]: {"tag": "theirs"}})
    button(app, "Save").click().run()
    assert annotations(store)[["tag", "note"]].to_numpy().tolist() == [["theirs", "mine"]]


def test_labels_in_doubt_come_with_a_suggestion_that_can_be_taken(hard, open_page):
    store, weak, _ = hard
    annotate(store, {HOSTILE[0]: {"tag": "kept"}})
    app = open_page("failures", run=weak, view="labels in doubt", example=example_of(store, weak, HOSTILE[0]))
    assert f"of {SIZE} labels of the test set are in doubt" in page_text(app)
    shown = listed(app)
    assert (shown["true"] != shown["suggested label"]).all()
    next(one for one in app.button if one.label.startswith("Propose")).click().run()
    assert annotations(store).iloc[-1][["tag", "proposed_label"]].tolist() == ["kept", LABELS[1]]


def test_the_raters_deviation_stands_beside_labels_in_doubt(seeded, open_page):
    assert "deviation of the raters" in listed(open_page("failures", run=seeded.flawed, view="labels in doubt"))


# --- Files ------------------------------------------------------------------------------------------


def known_texts(**said_before):
    return dict.fromkeys(HOSTILE, NOTHING | said_before)


def test_annotations_go_through_a_file_and_back(hard):
    store, weak, _ = hard
    notes = {HOSTILE[6]: "=cmd|' /C calc'!A0", HOSTILE[7]: 'two\nlines, "so" — ünï 👍', HOSTILE[5]: "-5"}
    noted = {text: dict(zip(ANNOTATION_FIELDS, ("@tag", note, LABELS[0]), strict=True)) for text, note in notes.items()}
    annotate(store, noted)
    written = exports.spreadsheet_csv(files.annotated(weak))
    rows = list(csv.DictReader(io.StringIO(written.removeprefix("\ufeff"), newline="")))
    assert {row["note"] for row in rows} >= {"'=cmd|' /C calc'!A0"} and {row["tag"] for row in rows} == {"'@tag"}
    found = annotating.read(written.encode(), known_texts(), LABELS)
    assert (found.texts, found.changes, found.unknown) == (3, noted, 0)


def test_the_list_goes_into_a_file_with_all_that_is_known(hard):
    _, weak, strong = hard
    listed_ = frames.in_order(frames.examples(weak, strong).iloc[8:12], "most disputed first", weak, 1)
    written = files.listed(weak, listed_)
    assert {"text", "label", "predicted", "loss", "flip", "disagreement", "stars", "text (data)", "tag"} <= set(written)
    assert written["text (data)"].tolist() == ["own"] * 4
    assert not written.isna().any().any()


def test_examples_without_other_columns_go_into_files(empty):
    store = open_store(str(empty), create=True)
    (run,) = record_adapters(store, 2, 0.6)
    assert len(files.listed(run, frames.examples(run).iloc[3:6])) == 3
    annotate(store, {"test 4": {"tag": "x"}})
    assert list(files.annotated(run)["text"]) == ["test 4"]


def test_a_file_may_lack_columns_and_hold_texts_from_elsewhere():
    before = known_texts(note="kept")
    rows = f"text;tag\n{HOSTILE[0]};new\nunknown;new\n{HOSTILE[1]};\n"
    found = annotating.read(rows.encode("utf-8-sig"), before, LABELS)
    assert found.changes == {HOSTILE[0]: {"tag": "new"}}
    assert found.unknown == 1


def test_of_rows_of_one_text_the_one_that_says_something_new_counts():
    rows = "text,tag,note\na,new,kept\na,old,kept\na,new,kept\n"
    found = annotating.read(rows.encode(), {"a": NOTHING | {"tag": "old", "note": "kept"}}, LABELS)
    assert (found.texts, found.changes) == (1, {"a": {"tag": "new"}})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(
            b"text,tag\na,b\nx,y\na,c\n",
            "Lines 2 and 4 have the same text and say different things",
            id="contradiction",
        ),
        pytest.param(b"tag,note\na,b\n", "There is no column «text»", id="no-text-column"),
        pytest.param(
            b"text,label\na,b\n", "There is no column «tag», «note» or «proposed_label»", id="no-annotation-column"
        ),
        pytest.param(b"text,tag,tag\na,b,c\n", "more than one column «tag»", id="column-twice"),
        pytest.param("text,tag\nä,b\n".encode("latin-1"), "The file is not in UTF-8", id="latin-1"),
        pytest.param(b"\x89PNG\r\n\x1a\n\x00\xff", "The file is not in UTF-8", id="png"),
        pytest.param(b"  \n", "The file is empty", id="blank"),
        pytest.param(b'text,tag\n"never closed,b\n', "no CSV that can be read", id="open-quote"),
        pytest.param(b"text,tag\na,b,c\n", "Line 2 has not as many cells", id="too-many-cells"),
        pytest.param(b"text,tag\na\n", "Line 2 has not as many cells", id="too-few-cells"),
        pytest.param(b"text,proposed_label\na,goood\n", "is no label of this data set", id="unknown-label"),
        pytest.param(b"text,tag\na," + b"x" * 51, "Line 2: A tag has at most 50 characters", id="long-tag"),
        pytest.param(b"text,tag\n" + b"x" * 20_000_001, "larger than 20 MB", id="large-file"),
    ],
)
def test_a_wrong_file_is_refused_in_plain_words(content, reason):
    with pytest.raises(annotating.RequestError, match=reason):
        annotating.read(content, {"a": NOTHING}, ["good", "bad"])


def test_download_buttons_are_drawn_when_their_box_is_open(hard, open_page):
    _, weak, _ = hard
    app = open_page("failures", run=weak)
    assert not app.get("download_button")
    app.session_state["files"] = True
    app.run()
    labels = [button.label for button in app.get("download_button")]
    assert len(labels) == 2 and labels[0].startswith("This list") and labels[1].startswith("All annotated")


def test_an_uploaded_file_is_told_before_it_is_kept(hard, open_page):
    store, weak, _ = hard
    app = open_page("failures", run=weak)
    content = f'text,tag\n"{HOSTILE[0]}",from a file\nunknown,x\n'.encode()
    app.file_uploader[0].upload("annotations.csv", content, "text/csv").run()
    assert "1 annotation, 1 of them new or changed. 1 text is not in this data set and is left out." in page_text(app)
    assert annotations(store).empty
    button(app, "Keep these annotations").click().run()
    assert annotations(store)["tag"].tolist() == ["from a file"]
    app = open_page("failures", run=weak)
    app.file_uploader[0].upload("annotations.csv", b"a,b\n1,2\n", "text/csv").run()
    assert "There is no column «text»" in app.error[0].value.replace("\\", "")
