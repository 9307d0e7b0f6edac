"""``predict``, ``merge`` and ``export`` with files and pipes."""

import io
import json
from pathlib import Path

import pandas as pd
import pytest

from core.serving.batch_predict import CHUNK_ROWS, atomic_text_writer, predict_texts
from core.serving.inference import load_run
from tests.command_line import assert_refused, run_cli
from tests.small_runs import create_store, record_run


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, tiny_bert):
    """A store, and the id of a small LoRA run in it."""
    store = create_store(tmp_path_factory.mktemp("recorded"))
    return store, str(record_run(store, tiny_bert, r=2).id)


@pytest.fixture
def use_run(recorded):
    """Execute a command on the run; return its result."""
    store, run_id = recorded
    return lambda command, *arguments: run_cli([command, run_id, *map(str, arguments), "--db", store.address])


def pipe_in(monkeypatch, content):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_a_csv_file_keeps_its_cells_unchanged(use_run, tmp_path):
    rows = 'id,text,note,predicted\n007,a good film,=1+1,x\n1.50,,NA,y\n3,"bad, bad\n""film""",@a,\n'
    (tmp_path / "in.csv").write_text(rows)
    code, out, err = use_run("predict", "--file", tmp_path / "in.csv")
    assert code == 0
    table = pd.read_csv(io.StringIO(out), dtype=str, keep_default_na=False)
    source = pd.read_csv(tmp_path / "in.csv", dtype=str, keep_default_na=False)
    assert table[list(source)].equals(source)
    assert list(table)[4:] == [
        *("predicted_2", "confidence", "probability_bad", "probability_fine, so-so", "probability_good")
    ]
    assert (table.iloc[1, 4:] == "").all()
    assert "3 rows, 1 of them" in err


def test_predictions_of_a_file_equal_those_of_the_run(use_run, recorded, tmp_path):
    texts = [f"{['good', 'bad', 'film'][n % 3]} film {n}" for n in range(CHUNK_ROWS + 5)]
    pd.DataFrame({"text": texts}).to_parquet(tmp_path / "in.parquet")
    output = tmp_path / "out.csv"
    code, out, err = use_run("predict", "--file", tmp_path / "in.parquet", "--output", output)
    assert (code, out) == (0, "")
    assert f"{CHUNK_ROWS + 5:,} rows" in err and str(output) in err
    table, loaded = pd.read_csv(output), load_run(recorded[0], int(recorded[1]))
    probabilities = loaded.predict(texts[-50:])
    assert table["text"].tolist() == texts
    assert table["predicted"].tolist()[-50:] == [loaded.labels[code] for code in probabilities.argmax(axis=1)]
    assert table["confidence"].tolist()[-50:] == pytest.approx(probabilities.max(axis=1).tolist(), abs=1e-5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.parquet", "out.csv"]


@pytest.mark.parametrize(
    ("name", "output"), [("in.csv.gz", "out.tsv"), ("in.tsv", "out.jsonl"), ("in.jsonl", "out.csv")]
)
def test_every_format_can_be_read_and_written(name, output, use_run, tmp_path):
    frame = pd.DataFrame({"review": ["good film", None, "bad"], "stars": [5, 3, 1]})
    writers = {"in.jsonl": lambda path: frame.to_json(path, orient="records", lines=True)}
    separator = "\t" if name == "in.tsv" else ","
    writers.get(name, lambda path: frame.to_csv(path, sep=separator, index=False))(tmp_path / name)
    assert use_run("predict", "--file", tmp_path / name, "--output", tmp_path / output).code == 0
    readers = {".csv": pd.read_csv, ".jsonl": lambda path: pd.read_json(path, lines=True)}
    table = readers.get(Path(output).suffix, lambda path: pd.read_csv(path, sep="\t"))(tmp_path / output)
    assert table["stars"].tolist() == [5, 3, 1]
    assert table["predicted"].isna().tolist() == [False, True, False]


def test_rows_of_a_file_are_printed_as_json_lines(use_run, csv):
    out = use_run("predict", "--file", csv({"text": ["good", ""], "n": [1, 2]}), "--json").out
    first, second = map(json.loads, out.splitlines())
    assert first["predicted"] in ("bad", "fine, so-so", "good")
    assert (second["text"], second["predicted"], second["confidence"]) == (None, None, None)


def test_a_file_without_rows_keeps_its_header(use_run, tmp_path):
    (tmp_path / "in.csv").write_text("text,n\n")
    assert use_run("predict", "--file", tmp_path / "in.csv").out.startswith("text,n,predicted,confidence")


def test_every_line_of_standard_input_gets_a_prediction(use_run, recorded, monkeypatch):
    pipe_in(monkeypatch, "\ufeffa good film\r\n\nбad film".encode())
    predictions = json.loads(use_run("predict", "--json").out)
    assert [prediction["text"] for prediction in predictions] == ["a good film", "", "бad film"]
    assert (predictions[1]["label"], set(predictions[1]["probabilities"].values())) == (None, {None})
    loaded = load_run(recorded[0], int(recorded[1]))
    expected = predict_texts(loaded, ["a good film"])[0].tolist()
    assert list(predictions[0]["probabilities"].values()) == pytest.approx(expected)
    pipe_in(monkeypatch, b"good\n\nbad\n")
    assert "—" in use_run("predict").out


def test_standard_input_can_be_written_to_a_file(use_run, tmp_path, monkeypatch):
    pipe_in(monkeypatch, b"good\nbad\n")
    assert use_run("predict", "--output", tmp_path / "out.jsonl").code == 0
    assert [json.loads(line)["text"] for line in (tmp_path / "out.jsonl").read_text().splitlines()] == ["good", "bad"]


def test_an_existing_output_survives_a_failure(use_run, csv, tmp_path, monkeypatch):
    (tmp_path / "out.csv").write_text("earlier")
    monkeypatch.setattr("core.serving.inference.LoadedRun.predict", lambda *_: 1 / 0)
    assert use_run("predict", "--file", csv({"text": ["good"]}), "--output", tmp_path / "out.csv").code == 1
    assert (tmp_path / "out.csv").read_text() == "earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my.csv", "out.csv"]


def test_merge_and_export_name_what_they_wrote(use_run, recorded, tmp_path):
    code, out, _ = use_run("merge", tmp_path / "merged")
    assert (code, str(tmp_path / "merged") in out, "logits" in out) == (0, True, True)
    code, out, _ = use_run("export", tmp_path / "exported")
    assert (code, f"python {tmp_path / 'exported' / 'example.py'}" in out) == (0, True)
    argv = ["merge", recorded[1], str(tmp_path / "merged"), "--db", recorded[0].address]
    assert "empty folder" in assert_refused(argv, tmp_path)


def test_a_link_beside_the_output_is_not_followed(use_run, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / ".out.csv.part").symlink_to(tmp_path / "mine.txt")
    assert use_run("predict", "good", "--output", tmp_path / "out.csv").code == 0
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_two_writers_of_one_file_do_not_interfere_and_keep_the_usual_permissions(tmp_path):
    path = tmp_path / "out.csv"
    with atomic_text_writer(path) as first:
        with atomic_text_writer(path) as second:
            second.write("second")
        first.write("first")
    (tmp_path / "other").touch()
    assert path.read_text() == "first"
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["other", "out.csv"]
