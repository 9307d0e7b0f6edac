"""What people type or upload about runs and texts: what can't be stored, or must not be."""

import pytest

from core.errors import RequestError
from core.store import queries
from core.store.run_edits import annotate, edit_run
from dashboard.components.annotations import import_csv as annotating
from tests.bad_input.asking import contents
from tests.bad_input.properties import KNOWN
from tests.seeded import record_adapters

TOKEN = "hf_" + "aB3dE5gH7j" * 3  # no real one
ODD = {
    "a NUL": ("a\0b", "can't be stored"),
    "half a character": ("a\ud800b", "can't be stored"),
    "a token": (f"with {TOKEN}", "seems to hold a token"),
    "a password": ("postgresql://me:hunter2xyz@host/x", "seems to hold a token"),
    "too much": ("x" * 20_000, "at most|1 to 200"),
}


@pytest.mark.parametrize("field", ["name", "notes", "tags"])
@pytest.mark.parametrize("odd", ["a NUL", "half a character", "a token", "a password"])
def test_what_is_said_of_a_run_is_refused_whole(field, odd, store):
    (run, *_) = record_adapters(store, 1, 0.8)
    text, said = ODD[odd]
    before = queries.run(store, run)
    with pytest.raises(RequestError, match=said) as refusal:
        edit_run(
            store, run, **{"name": "new", "notes": "new", "tags": ["new"], field: [text] if field == "tags" else text}
        )
    assert queries.run(store, run) == before
    assert TOKEN not in str(refusal.value) and "hunter2xyz" not in str(refusal.value)


@pytest.mark.parametrize("field", ["tag", "note"])
@pytest.mark.parametrize("odd", ODD)
def test_what_is_noted_on_a_text_is_refused_whole(field, odd, store):
    text, said = ODD[odd]
    with pytest.raises(RequestError, match=said):
        annotate(store, {"sound": {"tag": "a"}, "odd": {field: text}})
    assert queries.annotations(store).empty


UPLOADS = {
    "nothing": (b"", "is empty"),
    "a mark alone": (b"\xef\xbb\xbf", "is empty"),
    "UTF-16": ("text,tag\na,b\n".encode("utf-16"), "not in UTF-8"),
    "an archive": (b"PK\x03\x04\xff", "not in UTF-8"),
    "a NUL": (b"text,tag\na,x\0y\n", "Line 2: The tag holds a character that can't be stored|line contains NUL"),
    "a token": (f"text,note\na,{TOKEN}\n".encode(), "Line 2: The note seems to hold a token"),
    "JSON": (b'[{"text": "a", "tag": "b"}]', "There is no column «text»"),
    "a page": (b"<html><body>404</body></html>", "There is no column «text»"),
    "no header": (b"a,b\na,c\n", "There is no column «text»"),
    "a header alone in quotes": (b'"text"', "There is no column «tag»"),
    "columns twice": (b"text,text,tag\na,b,c\n", "more than one column «text»"),
    "a row too long": (b"text,tag\na,b\na,b,c\n", "Line 3 has not as many cells"),
    "an open quote": (b'text,tag\n"a,b\n' * 3, "no CSV that can be read"),
    "a label of no one": (b"text,proposed_label\na,=1+1\n", "is no label of this data set"),
    "a note too long": (b"text,note\na," + b"x" * 10_001, "A note has at most"),
    "many columns": (b"x," * 5_000 + b"x\n", "There is no column «text»"),
}


@pytest.mark.parametrize("name", UPLOADS)
def test_a_wrong_file_of_annotations_is_refused_whole(name, tmp_path):
    content, said = UPLOADS[name]
    with pytest.raises(RequestError, match=said) as refusal:
        annotating.read(content, KNOWN, ("good", "bad"))
    assert len(str(refusal.value)) < 1_000 and TOKEN not in str(refusal.value)
    assert contents(tmp_path) == {}
