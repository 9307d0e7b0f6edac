"""Read text files of one text a line, with the labels of fastText if the lines have them."""

import pandas as pd

from core.data.encodings import decode
from core.data.file_tables import FileTable, ReadOptions

_LABEL = "__label__"


def read_text_lines(content: bytes, options: ReadOptions) -> FileTable:
    """Read a column ``text``, and a column ``label`` if every line that is not blank starts with ``__label__``."""
    text, notes = decode(content, options.encoding)
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    if all(line.startswith(_LABEL) for line in lines if line.strip()):
        rows = [_split_labels(line) for line in lines if line.strip()]
        return FileTable(pd.DataFrame(rows, columns=["text", "label"], dtype=object), notes)
    return FileTable(pd.DataFrame({"text": lines}, dtype=object), notes)


def _split_labels(line: str) -> tuple[str, str | list[str]]:
    """Return the text of a line, and its label, or a list of its labels if it has several."""
    labels = []
    while line.startswith(_LABEL):
        label, *rest = line.split(maxsplit=1)
        labels.append(label.removeprefix(_LABEL))
        line = rest[0] if rest else ""
    return line, labels if len(labels) > 1 else labels[0]
