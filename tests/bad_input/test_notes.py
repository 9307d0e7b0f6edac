"""Uploaded files of annotations that cannot be read or must not be stored."""

import pytest

from core.errors import RequestError
from dashboard.components.annotations import import_csv as annotating
from tests.bad_input.asking import contents
from tests.bad_input.properties import KNOWN

TOKEN = "hf_" + "aB3dE5gH7j" * 3  # no real one

UPLOADS = {
    "nothing": (b"", "is empty"),
    "a mark alone": (b"\xef\xbb\xbf", "is empty"),
    "UTF-16": ("text,tag\na,b\n".encode("utf-16"), "not in UTF-8"),
    "an archive": (b"PK\x03\x04\xff", "not in UTF-8"),
    "a NUL": (b"text,tag\na,x\0y\n", "Line 2: The tag .* cannot be stored|line contains NUL"),
    "a token": (f"text,note\na,{TOKEN}\n".encode(), "Line 2: The note seems to contain a token"),
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
