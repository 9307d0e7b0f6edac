"""Annotation files that cannot be read or must not be stored."""

import pytest

from core.errors import RequestError
from dashboard.components.annotations import import_csv
from tests.bad_input.properties import ANNOTATIONS_BY_TEXT

TOKEN = "hf_" + "aB3dE5gH7j" * 3  # not a real one
UPLOADS = {
    "byte order mark only": (b"\xef\xbb\xbf", {"empty_file"}),
    "UTF-16": ("text,tag\na,b\n".encode("utf-16"), {"encoding"}),
    "NUL": (b"text,tag\na,x\0y\n", {"invalid_csv", "unstorable_text"}),  # by the version of Python
    "token": (f"text,note\na,{TOKEN}\n".encode(), {"secret_in_text"}),
    "JSON": (b'[{"text": "a", "tag": "b"}]', {"missing_column"}),
    "text column only": (b'"text"', {"missing_column"}),
    "repeated text column": (b"text,text,tag\na,b,c\n", {"duplicate_column"}),
    "label like a formula": (b"text,proposed_label\na,=1+1\n", {"unknown_label"}),
    "cut within a character": ("text,tag\na,café".encode()[:-1], {"encoding"}),
    "cut within a quoted cell": (b'text,tag\na,"irony, ty', {"invalid_csv"}),
    "many tags": (b'text,tag\na,"' + b",".join(b"<b>%d</b>" % tag for tag in range(21)) + b'"', {"tag_count"}),
    "long note": (b"text,note\na," + b"x" * 10_001, {"note_length"}),
    "5,000 columns": (b"x," * 5_000 + b"x\n", {"missing_column"}),
}
"""Annotation files, and the possible codes of the error."""


@pytest.mark.parametrize("name", UPLOADS)
def test_annotation_file_is_refused(name):
    content, codes = UPLOADS[name]
    with pytest.raises(RequestError) as error:
        import_csv.read_annotations(content, ANNOTATIONS_BY_TEXT, ("good", "bad"))
    assert error.value.code in codes
    assert len(str(error.value)) < 1_000
    assert TOKEN not in str(error.value)
