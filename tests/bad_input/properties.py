"""What holds whatever comes in: random tables, bytes, settings and commands, and what may become of them.

The tests ask for a few of each, the same ones every time; `scripts.fuzz` goes on for as long as one likes.
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
from core.serving.batch_predict import read_input_rows
from core.store.datasets import save_dataset
from core.store.engine import open_store
from core.store.queries import annotations
from core.store.records import ANNOTATION_FIELDS
from core.store.run_edits import annotate
from core.text.redact import redact_secrets
from core.text.sanitize import UNSTORABLE, replace_unstorable
from dashboard.components.annotations import import_csv as annotating
from tests.bad_input.asking import ask, complaint, contents

ENDINGS = [f"{ending}{packed}" for ending in READERS for packed in ("", ".gz")]
CHARACTERS = st.characters(exclude_categories=())  # surrogates and NUL too
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
class Given:
    """A file as it comes in, and what is asked of it."""

    name: str
    content: bytes
    asked: dict[str, Any]


@dataclass(frozen=True)
class Property:
    """Cases, and what holds of each: it returns what became of one, and raises where that may not be."""

    cases: st.SearchStrategy[Any]
    holds: Callable[[Any, Path], str]
    examples: int


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[Any]]:
    """Draw columns of equal length: mostly texts and labels, beside others of every kind."""
    rows = draw(st.integers(0, 40))
    names = draw(st.lists(st.sampled_from(["text", "label", "review", "split", "n", " text"]) | WORDS, max_size=4))
    few = draw(st.lists(NESTED if draw(st.booleans()) else CELLS, min_size=1, max_size=4))
    cells = st.sampled_from(few)
    columns: dict[str, list[Any]] = {name: draw(st.lists(cells, min_size=rows, max_size=rows)) for name in names}
    if draw(st.integers(0, 3)):
        rows = max(rows, 30) if draw(st.integers(0, 3)) else rows
        columns = {name: (cells * 40)[:rows] for name, cells in columns.items() if cells}
        columns["text"] = [f"a text {n} {draw(WORDS) if n < 3 else ''}" for n in range(rows)]
        labels = draw(st.lists(CELLS, min_size=2, max_size=4)) if draw(st.booleans()) else ["good", "bad"]
        columns["label"] = [labels[n % len(labels)] for n in range(rows)]
    return columns | {"row": list(range(rows))}


def written(columns: dict[str, list[Any]], ending: str) -> bytes:
    """Return a file's bytes; what a format can't hold is written as it would be by mistake."""
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
def table_files(draw: st.DrawFn) -> Given:
    """Draw a table in one of the formats, with settings for it."""
    columns, name = draw(tables()), f"my{draw(st.sampled_from(ENDINGS))}"
    content = written(columns, "." + name.split(".")[1])
    named = st.none() | st.sampled_from([*columns])
    asked: dict[str, Any] = {f"{split}_size": draw(st.integers(2, 6)) for split in ("train", "validation", "test")}
    if draw(st.integers(0, 3)) == 0:
        asked |= {field: draw(named) for field in ("text_column", "label_column", "split_column")}
    return Given(name, gzip.compress(content) if name.endswith(".gz") else content, asked)


@st.composite
def damaged_files(draw: st.DrawFn) -> Given:
    """Draw bytes: any, or those of a sound file that was cut or changed somewhere."""
    name = f"my{draw(st.sampled_from(ENDINGS))}"
    if draw(st.booleans()):
        return Given(name, draw(st.binary(max_size=200)), {})
    rows = draw(st.integers(1, 30))
    columns = {
        "text": [f"a text {n}" for n in range(rows)],
        "label": ["good", "bad"] * (rows // 2) + ["bad"] * (rows % 2),
    }
    content = bytearray(written(columns, "." + name.split(".")[1]))
    content = bytearray(gzip.compress(content)) if name.endswith(".gz") else content
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(content)))
        content[place : place + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return Given(name, bytes(content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content), {})


def loads_or_refuses(given: Given, folder: Path) -> str:
    """A file becomes a sound data set that can be stored, or is refused."""
    path = folder / given.name
    path.write_bytes(given.content)
    try:
        config = make_config(
            {"dataset": str(path), **{name: one for name, one in given.asked.items() if one is not None}}
        )
        data = load_data(config)
    except RequestError as error:
        assert_plain(str(error))
        return "refused"
    assert_sound(data, config)
    assert save_dataset(open_store(str(folder / "runs.db"), create=True), data) == 1
    return "loaded"


def reads_or_refuses(given: Given, folder: Path) -> str:
    """A file, however damaged, is read or refused; also by `predict`."""
    path = folder / given.name
    path.write_bytes(given.content)
    outcomes = []
    for read in (read_table, lambda path: read_input_rows(path, None, "text")):
        try:
            read(path)
            outcomes.append("read")
        except RequestError as error:
            assert_plain(str(error))
            outcomes.append("refused")
    sizes = {"train_size": 2, "validation_size": 2, "test_size": 2}
    loads_or_refuses(Given(given.name, given.content, sizes), folder)
    return outcomes[0]


def assert_plain(message: str) -> None:
    """Raise `AssertionError` for what is no message to a person."""
    assert message.strip() and len(message) < 6_000, message[:200]
    assert "Traceback" not in message and "object at 0x" not in message, message


def assert_sound(data: DataSet, config: RunConfig) -> None:
    """Raise `AssertionError` for a data set that is not what the rest relies on."""
    assert len(data.labels) == len(set(data.labels)) >= 2
    assert all(label.strip() == label and 0 < len(label) <= MAX_LABEL_LENGTH for label in data.labels)
    assert all(map(_storable, data.labels))
    seen: list[Any] = []
    for name, split in data.splits.items():
        assert len(split) == len(split.labels) == len(split.extra) == getattr(config, f"{name}_size")
        assert all(isinstance(text, str) and text.strip() and _storable(text) for text in split.texts)
        assert set(split.labels) == set(range(len(data.labels)))
        assert _storable(json.dumps(split.extra, allow_nan=False, ensure_ascii=False))
        assert "\\u0000" not in json.dumps(split.extra)
        # A return alone ends a line: what stands behind it, the row's number too, is another row's then.
        seen += [row["row"] for row in split.extra if row.get("row") is not None]
    assert len(seen) == len(set(seen))
    json.dumps(data.checks, allow_nan=False)


def _storable(text: str) -> bool:
    return UNSTORABLE.search(text) is None


FLAGS = [flag(name) for name in RunConfig.model_fields if name not in ("method", "dataset")]
OTHERS = ["--name", "--config", "--no-baselines", "--rerun-baselines", "--debug", "--json", "--nonsense", "--margin"]


@st.composite
def commands(draw: st.DrawFn) -> list[str]:
    """Draw a command line; one that would run asks for the majority class of a tiny file."""
    words = st.lists(WORDS, max_size=2)
    rest = [
        word for one in draw(st.lists(st.sampled_from([*FLAGS, *OTHERS]), max_size=3)) for word in [one, *draw(words)]
    ]
    if draw(st.booleans()):
        return ["--dataset", "my.csv", "--method", "majority", *TINY, *rest]
    return [
        draw(st.sampled_from(["list", "show", "compare", "delete", "resume", "recheck", "db", "export"]) | WORDS),
        *rest,
    ]


TINY = ["--train-size", "4", "--validation-size", "4", "--test-size", "4"]


def answers_in_words(argv: list[str], folder: Path) -> str:
    """A command line does what it says, or is refused in words and changes nothing."""
    rows = "".join(f"a text {n},{('good', 'bad')[n % 2]}\n" for n in range(30))
    (folder / "my.csv").write_text(f"text,label\n{rows}")
    before = contents(folder)
    argv = [str(folder / "my.csv") if word == "my.csv" else word for word in argv]
    code, _, err = ask([*argv, "--db", str(folder / "runs.db")])
    if code == 0:
        return "done"
    assert not complaint(code, err.replace("Traceback", "") if "--debug" in argv else err), (argv, code, err)
    assert contents(folder) == before
    return "refused"


SETTINGS = st.sampled_from([*RunConfig.model_fields, "train-size", "nonsense"]) | WORDS
VALUES = {
    int: st.integers(-2, 100),
    float: st.floats() | st.sampled_from(["1e-3", 0.5]),
    bool: st.booleans(),
}


def _likely(name: str) -> st.SearchStrategy[Any]:
    """Draw values that a setting may well have, one or a few."""
    kind = next((one for one in VALUES if str(one.__name__) in str(RunConfig.model_fields[name].annotation)), None)
    one = VALUES[kind] if kind else st.sampled_from(["a", "lora", "none", "auto", "last:2", "x=1", "test=a", "pissa"])
    return one | st.lists(one, min_size=1, max_size=3)


LIKELY = st.sampled_from([*RunConfig.model_fields]).flatmap(lambda name: st.tuples(st.just(name), _likely(name)))
YAML = st.one_of(
    st.lists(LIKELY, max_size=3).map(lambda pairs: json.dumps(dict(pairs)).encode()),
    st.dictionaries(SETTINGS, NESTED, max_size=4).map(lambda values: json.dumps(values).encode()),
    st.lists(st.tuples(SETTINGS, WORDS), max_size=4).map(
        lambda pairs: "\n".join(f"{name}: {word}" for name, word in pairs).encode("utf-8", "replace")
    ),
    st.text(st.sampled_from("abr: -[]{}&*!|>%@`'\"#?,\n\t.1=~<"), max_size=40).map(str.encode),
    st.binary(max_size=60),
)


def settings_or_refused(content: bytes, folder: Path) -> str:
    """A file of settings makes configs that can be recorded and made again, or is refused."""
    (folder / "run.yaml").write_bytes(content)
    try:
        configs = expand_grid(requested_values(parse(["--config", str(folder / "run.yaml")])))
    except RequestError as error:
        assert_plain(str(error))
        return "refused"
    for config in configs:
        stored = json.loads(json.dumps(config.settings(), allow_nan=False))
        assert make_config(stored).settings() == config.settings()
    return "made"


def stays_hidden(text: str, folder: Path) -> str:
    """What is hidden once is hidden for good, and can be stored when it is storable."""
    hidden = redact_secrets(text)
    assert redact_secrets(hidden) == hidden
    assert _storable(replace_unstorable(hidden)) and replace_unstorable(replace_unstorable(text)) == replace_unstorable(
        text
    )
    return "same" if hidden == text else "hidden"


SECRETS = st.lists(
    WORDS
    | st.sampled_from(
        ["hf_" + "aB3" * 10, "://", "me:pw@", "Bearer ", "sk-", "AKIA" + "A1" * 8, "password=", "&token="]
    )
).map("".join)

TEXTS = ["a", " b ", "=1+1", "two\r\nlines", "caf\u00e9", "\u202ec"]
KNOWN: dict[str, dict[str, str | None]] = {text: dict.fromkeys(ANNOTATION_FIELDS) for text in TEXTS}
KNOWN["a"] = {"tag": "old", "note": "kept", "proposed_label": "good"}


@st.composite
def uploads(draw: st.DrawFn) -> bytes:
    """Draw a file of annotations: any bytes, or a CSV of texts that are known, and others."""
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


def noted_or_refused(content: bytes, folder: Path) -> str:
    """An uploaded file is refused as a whole, or all that it changes can be kept."""
    try:
        found = annotating.read(content, KNOWN, ("good", "bad"))
    except RequestError as error:
        assert_plain(str(error))
        return "refused"
    assert set(found.changes) <= KNOWN.keys() and found.texts >= len(found.changes)
    store = open_store(str(folder / "runs.db"), create=True)
    assert annotate(store, found.changes) <= len(found.changes)
    kept = annotations(store)
    assert all(_storable(word) for name in ANNOTATION_FIELDS for word in kept[name].dropna())
    return "noted" if found.changes else "nothing new"


PROPERTIES = {
    "tables": Property(table_files(), loads_or_refuses, 150),
    "damaged files": Property(damaged_files(), reads_or_refuses, 250),
    "commands": Property(commands(), answers_in_words, 100),
    "settings": Property(YAML, settings_or_refused, 400),
    "secrets": Property(SECRETS, stays_hidden, 300),
    "annotations": Property(uploads(), noted_or_refused, 100),
}
