"""Recorded runs in use, from the command line: texts, pipes and files in, folders out."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from cli.main import main
from core.serving.batch_predict import CHUNK, atomic_text_writer, predict_texts
from core.serving.inference import load_run
from tests.small_runs import create_store, record_run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def used(tmp_path_factory, tiny_bert):
    """The store, and the number of a tiny LoRA run in it."""
    store = create_store(tmp_path_factory.mktemp("used"))
    return store, str(record_run(store, tiny_bert, r=2).id)


@pytest.fixture
def run(used, capsys):
    """Call a command on the run; return its exit code, output and messages."""

    def call(command, *arguments):
        try:
            code = main([command, used[1], *map(str, arguments), "--db", used[0].address])
        except SystemExit as left:
            code = left.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def pipe(monkeypatch, content):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_a_csv_comes_back_with_its_own_cells_as_they_were(run, tmp_path, csv):
    rows = 'id,text,note,predicted\n007,a good film,=1+1,x\n1.50,,NA,y\n3,"bad, bad\n""film""",@a,\n'
    (tmp_path / "in.csv").write_text(rows)
    code, out, err = run("predict", "--file", tmp_path / "in.csv")
    assert code == 0
    table = pd.read_csv(io.StringIO(out), dtype=str, keep_default_na=False)
    given = pd.read_csv(tmp_path / "in.csv", dtype=str, keep_default_na=False)
    assert table[list(given)].equals(given)
    assert list(table)[4:] == [
        "predicted_2",
        "confidence",
        "probability_bad",
        "probability_fine, so-so",
        "probability_good",
    ]
    assert (table.iloc[1, 4:] == "").all()
    assert "3 rows, 1 of them without a text" in err


def test_the_answers_in_a_file_are_those_of_the_run(run, used, tmp_path):
    texts = [f"{['good', 'bad', 'film'][n % 3]} film {n}" for n in range(CHUNK + 5)]
    pd.DataFrame({"text": texts}).to_parquet(tmp_path / "in.parquet")
    output = tmp_path / "out.csv"
    code, out, err = run("predict", "--file", tmp_path / "in.parquet", "--output", output)
    assert (code, out) == (0, "")
    assert f"2,053 rows: written to {output}" in err
    table, loaded = pd.read_csv(output), load_run(used[0], int(used[1]))
    shares = loaded.predict(texts[-50:])
    assert table["text"].tolist() == texts
    assert table["predicted"].tolist()[-50:] == [loaded.labels[code] for code in shares.argmax(axis=1)]
    assert table["confidence"].tolist()[-50:] == pytest.approx(shares.max(axis=1).tolist(), abs=1e-5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.parquet", "out.csv"]


@pytest.mark.parametrize("name", ["in.csv.gz", "in.tsv", "in.jsonl"])
@pytest.mark.parametrize("output", ["out.csv", "out.tsv", "out.jsonl"])
def test_files_of_every_kind_go_in_and_out(name, output, run, tmp_path):
    frame = pd.DataFrame({"review": ["good film", None, "bad"], "stars": [5, 3, 1]})
    writers = {"in.jsonl": lambda path: frame.to_json(path, orient="records", lines=True)}
    separator = "\t" if name == "in.tsv" else ","
    writers.get(name, lambda path: frame.to_csv(path, sep=separator, index=False))(tmp_path / name)
    assert run("predict", "--file", tmp_path / name, "--output", tmp_path / output)[0] == 0
    read = {".csv": pd.read_csv, ".jsonl": lambda path: pd.read_json(path, lines=True)}
    back = read.get(Path(output).suffix, lambda path: pd.read_csv(path, sep="\t"))(tmp_path / output)
    assert back["stars"].tolist() == [5, 3, 1]
    assert back["predicted"].isna().tolist() == [False, True, False]


def test_rows_as_json_lines(run, csv):
    _, out, _ = run("predict", "--file", csv({"text": ["good", ""], "n": [1, 2]}), "--json")
    first, second = map(json.loads, out.splitlines())
    assert first["predicted"] in ("bad", "fine, so-so", "good")
    assert (second["text"], second["predicted"], second["confidence"]) == (None, None, None)


def test_a_table_without_rows_keeps_its_head(run, tmp_path):
    (tmp_path / "in.csv").write_text("text,n\n")
    assert run("predict", "--file", tmp_path / "in.csv")[1].startswith("text,n,predicted,confidence")


def test_lines_are_read_from_a_pipe_each_in_its_place(run, used, monkeypatch):
    pipe(monkeypatch, "\ufeffa good film\r\n\nбad film".encode())
    answers = json.loads(run("predict", "--json")[1])
    assert [one["text"] for one in answers] == ["a good film", "", "бad film"]
    assert (answers[1]["label"], set(answers[1]["probabilities"].values())) == (None, {None})
    loaded = load_run(used[0], int(used[1]))
    assert list(answers[0]["probabilities"].values()) == pytest.approx(
        predict_texts(loaded, ["a good film"])[0].tolist()
    )
    pipe(monkeypatch, b"good\n\nbad\n")
    assert "—" in run("predict")[1]


def test_a_pipe_into_a_file(run, tmp_path, monkeypatch):
    pipe(monkeypatch, b"good\nbad\n")
    assert run("predict", "--output", tmp_path / "out.jsonl")[0] == 0
    assert [json.loads(line)["text"] for line in (tmp_path / "out.jsonl").read_text().splitlines()] == ["good", "bad"]


def test_a_real_pipe_works(used):
    command = [sys.executable, str(ROOT / "runner.py"), "predict", used[1], "--json", "--db", used[0].address]
    done = subprocess.run(command, input="good film\n", capture_output=True, text=True)
    assert [one["text"] for one in json.loads(done.stdout)] == ["good film"], done.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(["--file", "nowhere.csv"], "does not exist nowhere.csv", id="file-unknown"),
        pytest.param(
            ["--file", "{in}", "--text-column", "nte"],
            "Columns: note, n. Did you mean 'note'?",
            id="column-misspelled",
        ),
        pytest.param(["--file", "{in}"], "Name one with --text-column", id="column-ambiguous"),
        pytest.param(["--file", "{in}", "a text"], "not both", id="file-and-text"),
        pytest.param(["--text-column", "note", "a text"], "there is no --file", id="column-without-file"),
        pytest.param(["a text", "--output", "x.xlsx"], "Known are: .csv, .tsv, .jsonl", id="output-xlsx"),
        pytest.param(["a text", "--output", "no/where.csv"], "There is no folder", id="output-folder-unknown"),
        pytest.param(
            ["--file", "{in}", "--text-column", "note", "--output", "{in}"],
            "is the file that is read",
            id="output-is-input",
        ),
    ],
)
def test_a_wrong_request_is_told_and_writes_nothing(arguments, expected, run, csv, tmp_path):
    path = csv({"note": ["good"], "n": [1]})
    before = Path(path).read_bytes()
    code, _, err = run("predict", *(one.replace("{in}", path) for one in arguments))
    assert code == 2
    assert expected in err
    assert [entry.read_bytes() for entry in tmp_path.iterdir()] == [before]


@pytest.mark.parametrize(
    ("content", "expected"), [(b"\n \n", "holds no text"), (b"\xff\xfe", "not UTF-8")], ids=["blank", "utf-16"]
)
def test_a_pipe_without_text_is_told(content, expected, run, monkeypatch):
    pipe(monkeypatch, content)
    code, _, err = run("predict")
    assert (code, expected in err) == (2, True)


def test_what_was_there_stays_where_writing_fails(run, csv, tmp_path, monkeypatch):
    (tmp_path / "out.csv").write_text("earlier")
    monkeypatch.setattr("core.serving.inference.LoadedRun.predict", lambda *_: 1 / 0)
    code, _, _ = run("predict", "--file", csv({"text": ["good"]}), "--output", tmp_path / "out.csv")
    assert code == 1
    assert (tmp_path / "out.csv").read_text() == "earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my.csv", "out.csv"]


def test_merge_and_export_say_where_and_how_well(run, tmp_path):
    code, out, _ = run("merge", tmp_path / "merged")
    assert (code, "its logits differ by" in out) == (0, True)
    code, out, _ = run("export", tmp_path / "exported")
    assert (code, f"python {tmp_path / 'exported' / 'example.py'}" in out) == (0, True)
    code, _, err = run("merge", tmp_path / "merged")
    assert (code, "not an empty folder" in err) == (2, True)


def test_an_argument_that_is_not_utf8_is_refused_in_words(run):
    code, _, err = run("predict", "good", "a \udcff film")
    assert (code, "word 4 of the command (character 3 of it) is not UTF-8" in err) == (2, True)


def test_a_link_beside_the_output_is_not_followed(run, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / ".out.csv.part").symlink_to(tmp_path / "mine.txt")
    assert run("predict", "good", "--output", tmp_path / "out.csv")[0] == 0
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_two_writers_of_one_file_do_not_meet_and_it_is_readable_as_any_new_file(tmp_path):
    path = tmp_path / "out.csv"
    with atomic_text_writer(path) as first:
        with atomic_text_writer(path) as second:
            second.write("second")
        first.write("first")
    (tmp_path / "other").touch()
    assert path.read_text() == "first"
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["other", "out.csv"]
