"""Uploaded files of annotations that cannot be read or must not be stored."""

import pytest

from core.errors import RequestError
from dashboard.components.annotations import import_csv
from tests.bad_input.properties import KNOWN

TOKEN = "hf_" + "aB3dE5gH7j" * 3  # not a real one
UPLOADS = {
    "empty": (b"", "empty"),
    "byte order mark only": (b"\xef\xbb\xbf", "empty"),
    "UTF-16": ("text,tag\na,b\n".encode("utf-16"), "UTF-8"),
    "NUL": (b"text,tag\na,x\0y\n", "NUL|tag"),
    "token": (f"text,note\na,{TOKEN}\n".encode(), "Line 2.*note"),
    "JSON": (b'[{"text": "a", "tag": "b"}]', "text"),
    "no header": (b"a,b\na,c\n", "text"),
    "text column only": (b'"text"', "tag"),
    "repeated column": (b"text,text,tag\na,b,c\n", "text"),
    "long row": (b"text,tag\na,b\na,b,c\n", "Line 3"),
    "open quote": (b'text,tag\n"a,b\n' * 3, "CSV"),
    "unknown label": (b"text,proposed_label\na,=1+1\n", "label"),
    "long note": (b"text,note\na," + b"x" * 10_001, "note"),
    "5,000 columns": (b"x," * 5_000 + b"x\n", "text"),
}
"""Files of annotations, and what the message names."""


@pytest.mark.parametrize("name", UPLOADS)
def test_a_wrong_file_of_annotations_is_refused(name):
    content, named = UPLOADS[name]
    with pytest.raises(RequestError, match=named) as refusal:
        import_csv.read(content, KNOWN, ("good", "bad"))
    assert len(str(refusal.value)) < 1_000 and TOKEN not in str(refusal.value)
