"""Properties that hold for any input: tables, bytes, settings, command lines, secrets and annotations.

The tests check a fixed sample of inputs; `scripts.fuzz` checks new ones for a given time.
"""

import csv
import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st
from pyarrow import parquet

from cli.main import parse
from cli.settings import requested_values
from core.config import RunConfig, flag, make_config
from core.data import load_data
from core.data.labels import MAX_LABEL_LENGTH
from core.data.readers import READERS, read_table
from core.data.splits import DataSet
from core.errors import RequestError
from core.search.grid import expand_grid
from core.serving.batch_predict import read_input_table
from core.store.datasets import save_dataset
from core.store.engine import open_store
from core.store.queries import annotations
from core.store.records import ANNOTATION_FIELDS
from core.store.run_edits import annotate
from core.text.redact import redact_secrets
from core.text.sanitize import UNSTORABLE, replace_unstorable
from dashboard.components.annotations import import_csv
from tests.command_line import folder_contents, refusal_faults, run_cli

ENDINGS = [f"{ending}{packed}" for ending in READERS for packed in ("", ".gz")]
CHARACTERS = st.characters(exclude_categories=())  # with surrogates and NUL
ODD_WORDS = [
    *("", " ", "0", "-1", "1", "2", "3", "8", "1e-3", "nan", "inf", "-inf", "1e999", "9" * 25, "9" * 4400, "0x10", "½"),
    *("true", "false", "none", "null", "auto", "a=b", "=", "test=a", "last:4", "a,b", "~", "~nobody", ".", "..", "/"),
    *("text", "label", "row", "majority", "lora", "my.csv", "my.csv/x", "/dev/zero", "/dev/stdin", "nowhere.csv"),
    *("a\nb", "\x1b[31m", "\u202e", "caf\u00e9", "cafe\u0301", "\udcff", "a\0b", "x" * 300, "x" * 5000, "--", "-"),
    *("[1, 2]", "{a: 1}", "&a [*a]", "!!python/name:os.system", "sqlite://", "sqlite:///x.db", "postgresql://me:pw@/x"),
]
WORDS = st.one_of(st.sampled_from(ODD_WORDS), st.text(CHARACTERS, max_size=12))
CELLS = st.one_of(
    st.sampled_from(
        ["good", "bad", "fine", " good ", "GOOD", "", " ", "1", "0", "1.0", "True", "no", "a, b", '"', "'"]
    ),
    WORDS,
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
)
NESTED = st.recursive(CELLS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3))


@dataclass(frozen=True)
class InputFile:
    """A data file and the settings that it is loaded with."""

    name: str
    content: bytes
    settings: dict[str, Any]


@dataclass(frozen=True)
class Property:
    """A strategy of cases and a check, which returns the outcome of a case and raises `AssertionError` for a fault."""

    cases: st.SearchStrategy[Any]
    check: Callable[[Any, Path], str]
    examples: int


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[Any]]:
    """Draw columns of equal length: mostly texts and labels, some of other types."""
    rows = draw(st.integers(0, 40))
    names = draw(st.lists(st.sampled_from(["text", "label", "review", "split", "n", " text"]) | WORDS, max_size=4))
    values = draw(st.lists(NESTED if draw(st.booleans()) else CELLS, min_size=1, max_size=4))
    cells = st.sampled_from(values)
    columns: dict[str, list[Any]] = {name: draw(st.lists(cells, min_size=rows, max_size=rows)) for name in names}
    if draw(st.integers(0, 3)):
        rows = max(rows, 30) if draw(st.integers(0, 3)) else rows
        columns = {name: (cells * 40)[:rows] for name, cells in columns.items() if cells}
        columns["text"] = [f"a text {n} {draw(WORDS) if n < 3 else ''}" for n in range(rows)]
        labels = draw(st.lists(CELLS, min_size=2, max_size=4)) if draw(st.booleans()) else ["good", "bad"]
        columns["label"] = [labels[n % len(labels)] for n in range(rows)]
    return columns | {"row": list(range(rows))}


def serialize_table(columns: dict[str, list[Any]], ending: str) -> bytes:
    """Return a file's bytes; values that a format cannot represent are converted without an error."""
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    if ending.startswith(".json"):
        text = "\n".join(map(json.dumps, rows)) if ending == ".jsonl" else json.dumps(rows)
        return text.encode()
    if ending == ".parquet":
        plain = {replace_unstorable(name): [_plain(cell) for cell in cells] for name, cells in columns.items()}
        file = io.BytesIO()
        parquet.write_table(pa.table({name: pa.array(cells) for name, cells in plain.items()}), file)
        return bytes(file.getvalue())
    frame = pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in _utf8(columns).items()})
    text = str(frame.to_csv(index=False, sep="\t" if ending == ".tsv" else ","))
    return text.encode("utf-8", "replace")


def _utf8(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {replace_unstorable(name): cells for name, cells in columns.items()}


def _plain(cell: Any) -> Any:
    return cell if cell is None else replace_unstorable(str(cell)).replace("\ufffd", "\0")


@st.composite
def table_files(draw: st.DrawFn) -> InputFile:
    """Draw a table in one of the formats, with settings."""
    columns, name = draw(tables()), f"my{draw(st.sampled_from(ENDINGS))}"
    content = serialize_table(columns, "." + name.split(".")[1])
    column = st.none() | st.sampled_from([*columns])
    settings: dict[str, Any] = {f"{split}_size": draw(st.integers(2, 6)) for split in ("train", "validation", "test")}
    if draw(st.integers(0, 3)) == 0:
        settings |= {field: draw(column) for field in ("text_column", "label_column", "split_column")}
    return InputFile(name, gzip.compress(content) if name.endswith(".gz") else content, settings)


@st.composite
def damaged_files(draw: st.DrawFn) -> InputFile:
    """Draw random bytes, or those of a valid file with random damage."""
    name = f"my{draw(st.sampled_from(ENDINGS))}"
    if draw(st.booleans()):
        return InputFile(name, draw(st.binary(max_size=200)), {})
    rows = draw(st.integers(1, 30))
    columns = {
        "text": [f"a text {n}" for n in range(rows)],
        "label": ["good", "bad"] * (rows // 2) + ["bad"] * (rows % 2),
    }
    content = bytearray(serialize_table(columns, "." + name.split(".")[1]))
    content = bytearray(gzip.compress(content)) if name.endswith(".gz") else content
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(content)))
        content[start : start + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return InputFile(name, bytes(content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content), {})


def loaded_or_refused(file: InputFile, folder: Path) -> str:
    """Assert that a file is loaded as a valid data set that can be stored, or is refused."""
    path = folder / file.name
    path.write_bytes(file.content)
    try:
        settings = {name: value for name, value in file.settings.items() if value is not None}
        config = make_config({"dataset": str(path), **settings})
        data = load_data(config)
    except RequestError as error:
        assert_readable(str(error))
        return "refused"
    assert_valid(data, config)
    assert save_dataset(open_store(str(folder / "runs.db"), create=True), data) == 1
    return "loaded"


def read_or_refused(file: InputFile, folder: Path) -> str:
    """Assert that a damaged file is read or refused, also by `predict`."""
    path = folder / file.name
    path.write_bytes(file.content)
    outcomes = []
    for read in (read_table, lambda path: read_input_table(path, None, "text")):
        try:
            read(path)
            outcomes.append("read")
        except RequestError as error:
            assert_readable(str(error))
            outcomes.append("refused")
    sizes = {"train_size": 2, "validation_size": 2, "test_size": 2}
    loaded_or_refused(InputFile(file.name, file.content, sizes), folder)
    return outcomes[0]


def assert_readable(message: str) -> None:
    """Assert that a message is short, without tracebacks or object addresses."""
    assert message.strip() and len(message) < 6_000, message[:200]
    assert "Traceback" not in message and "object at 0x" not in message, message


def assert_valid(data: DataSet, config: RunConfig) -> None:
    """Assert the properties of a data set that every other module relies on."""
    assert len(data.labels) == len(set(data.labels)) >= 2
    assert all(label.strip() == label and 0 < len(label) <= MAX_LABEL_LENGTH for label in data.labels)
    assert all(map(_is_storable, data.labels))
    seen: list[Any] = []
    for name, split in data.splits.items():
        assert len(split) == len(split.labels) == len(split.extra) == getattr(config, f"{name}_size")
        assert all(isinstance(text, str) and text.strip() and _is_storable(text) for text in split.texts)
        assert set(split.labels) == set(range(len(data.labels)))
        assert _is_storable(json.dumps(split.extra, allow_nan=False, ensure_ascii=False))
        assert "\\u0000" not in json.dumps(split.extra)
        # A lone carriage return ends a line of a CSV file, so that the rest of its row has no row number.
        seen += [row["row"] for row in split.extra if row.get("row") is not None]
    assert len(seen) == len(set(seen))
    json.dumps(data.checks, allow_nan=False)


def _is_storable(text: str) -> bool:
    return UNSTORABLE.search(text) is None


FLAGS = [flag(name) for name in RunConfig.model_fields if name not in ("method", "dataset")]
OTHERS = [
    "--name",
    "--config",
    "--no-baselines",
    "--baselines",
    "--again",
    "--debug",
    "--json",
    "--nonsense",
    "--margin",
]


@st.composite
def commands(draw: st.DrawFn) -> list[str]:
    """Draw a command line; one that starts a run uses the majority class and a tiny file."""
    words = st.lists(WORDS, max_size=2)
    rest = [
        word for name in draw(st.lists(st.sampled_from([*FLAGS, *OTHERS]), max_size=3)) for word in [name, *draw(words)]
    ]
    if draw(st.booleans()):
        return ["--dataset", "my.csv", "--method", "majority", *TINY, *rest]
    return [
        draw(st.sampled_from(["list", "show", "compare", "delete", "resume", "recheck", "db", "export"]) | WORDS),
        *rest,
    ]


TINY = ["--train-size", "4", "--validation-size", "4", "--test-size", "4"]


def executed_or_refused(argv: list[str], folder: Path) -> str:
    """Assert that a command line is executed, or refused with a message and without any change."""
    rows = "".join(f"a text {n},{('good', 'bad')[n % 2]}\n" for n in range(30))
    (folder / "my.csv").write_text(f"text,label\n{rows}")
    before = folder_contents(folder)
    argv = [str(folder / "my.csv") if word == "my.csv" else word for word in argv]
    code, _, err = run_cli([*argv, "--db", str(folder / "runs.db")])
    if code == 0:
        return "executed"
    faults = refusal_faults(code, err.replace("Traceback", "") if "--debug" in argv else err)
    assert not faults, (argv, faults, err)
    assert folder_contents(folder) == before
    return "refused"


SETTINGS = st.sampled_from([*RunConfig.model_fields, "train-size", "nonsense"]) | WORDS
VALUES = {
    int: st.integers(-2, 100),
    float: st.floats() | st.sampled_from(["1e-3", 0.5]),
    bool: st.booleans(),
}


def _plausible_values(name: str) -> st.SearchStrategy[Any]:
    """Draw one or several plausible values of a setting."""
    annotation = str(RunConfig.model_fields[name].annotation)
    kind = next((kind for kind in VALUES if kind.__name__ in annotation), None)
    words = st.sampled_from(["a", "lora", "none", "auto", "last:2", "x=1", "test=a", "pissa"])
    value = VALUES[kind] if kind else words
    return value | st.lists(value, min_size=1, max_size=3)


PLAUSIBLE_SETTINGS = st.sampled_from([*RunConfig.model_fields]).flatmap(
    lambda name: st.tuples(st.just(name), _plausible_values(name))
)
YAML = st.one_of(
    st.lists(PLAUSIBLE_SETTINGS, max_size=3).map(lambda pairs: json.dumps(dict(pairs)).encode()),
    st.dictionaries(SETTINGS, NESTED, max_size=4).map(lambda values: json.dumps(values).encode()),
    st.lists(st.tuples(SETTINGS, WORDS), max_size=4).map(
        lambda pairs: "\n".join(f"{name}: {word}" for name, word in pairs).encode("utf-8", "replace")
    ),
    st.text(st.sampled_from("abr: -[]{}&*!|>%@`'\"#?,\n\t.1=~<"), max_size=40).map(str.encode),
    st.binary(max_size=60),
)


def configured_or_refused(content: bytes, folder: Path) -> str:
    """Assert that a config file makes configs that survive a round trip through JSON, or is refused."""
    (folder / "run.yaml").write_bytes(content)
    try:
        configs = expand_grid(requested_values(parse(["--config", str(folder / "run.yaml")])))
    except RequestError as error:
        assert_readable(str(error))
        return "refused"
    for config in configs:
        stored = json.loads(json.dumps(config.settings(), allow_nan=False))
        assert make_config(stored).settings() == config.settings()
    return "configured"


def redacted_idempotently(text: str, folder: Path) -> str:
    """Assert that redaction is idempotent and keeps storable text storable."""
    redacted, storable = redact_secrets(text), replace_unstorable(text)
    assert redact_secrets(redacted) == redacted
    assert replace_unstorable(storable) == storable and _is_storable(replace_unstorable(redacted))
    return "unchanged" if redacted == text else "redacted"


SECRETS = st.lists(
    WORDS
    | st.sampled_from(
        ["hf_" + "aB3" * 10, "://", "me:pw@", "Bearer ", "sk-", "AKIA" + "A1" * 8, "password=", "&token="]
    )
).map("".join)

TEXTS = ["a", " b ", "=1+1", "two\r\nlines", "caf\u00e9", "\u202ec"]
ANNOTATIONS_BY_TEXT: dict[str, dict[str, str | None]] = {text: dict.fromkeys(ANNOTATION_FIELDS) for text in TEXTS}
ANNOTATIONS_BY_TEXT["a"] = {"tag": "old", "note": "kept", "proposed_label": "good"}


@st.composite
def uploads(draw: st.DrawFn) -> bytes:
    """Draw a file of annotations: random bytes, or a CSV file with existing and unknown texts."""
    if not draw(st.integers(0, 3)):
        return draw(st.binary(max_size=200))
    columns = draw(st.lists(st.sampled_from(["text", *ANNOTATION_FIELDS, "label"]), max_size=5))
    columns = [
        "text",
        "tag",
        *(name for name in columns if draw(st.integers(0, 9)) == 0 or name not in ("text", "tag")),
    ]
    cells = {"text": st.sampled_from(TEXTS) | WORDS, "proposed_label": st.sampled_from(["good", "bad", "", "god"])}
    rows = draw(st.lists(st.tuples(*(cells.get(name, WORDS) for name in columns)), max_size=6))
    file = io.StringIO()
    csv.writer(file, delimiter=draw(st.sampled_from(",;\t")), quoting=csv.QUOTE_ALL).writerows([columns, *rows])
    return file.getvalue().encode("utf-8", "replace")


def imported_or_refused(content: bytes, folder: Path) -> str:
    """Assert that a file is refused completely, or that all its changes can be stored."""
    try:
        result = import_csv.read_annotations(content, ANNOTATIONS_BY_TEXT, ("good", "bad"))
    except RequestError as error:
        assert_readable(str(error))
        return "refused"
    assert set(result.changes) <= ANNOTATIONS_BY_TEXT.keys() and result.texts >= len(result.changes)
    store = open_store(str(folder / "runs.db"), create=True)
    assert annotate(store, result.changes).keys() <= result.changes.keys()
    stored = annotations(store)
    assert all(_is_storable(text) for name in ANNOTATION_FIELDS for text in stored[name].dropna())
    return "imported" if result.changes else "nothing new"


PROPERTIES = {
    "tables": Property(table_files(), loaded_or_refused, 80),
    "damaged files": Property(damaged_files(), read_or_refused, 150),
    "commands": Property(commands(), executed_or_refused, 100),
    "settings": Property(YAML, configured_or_refused, 400),
    "secrets": Property(SECRETS, redacted_idempotently, 300),
    "annotations": Property(uploads(), imported_or_refused, 50),
}
