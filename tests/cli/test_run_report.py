from cli.run_report import MAX_LABEL_COLUMNS, collect_report, print_report
from tests.command_line import SIZES, run_cli


def run_with_labels(folder, count: int) -> tuple[str, str]:
    """Run the majority class on a data set with some labels; return the report and the database."""
    rows = "".join(f"text {n} of {n % count},label-{n % count}\n" for n in range(30 * count))
    (folder / "my.csv").write_text(f"text,label\n{rows}")
    database = str(folder / "runs.db")
    sizes = [word if word.startswith("--") else str(int(word) * count) for word in SIZES]
    code, out, err = run_cli(["--dataset", str(folder / "my.csv"), "--method", "majority", *sizes, "--db", database])
    assert code == 0, err
    return out, database


def test_up_to_five_labels_have_a_column_each(tmp_path):
    out, _ = run_with_labels(tmp_path, MAX_LABEL_COLUMNS)
    assert all(f"F1 label-{n}" in out for n in range(MAX_LABEL_COLUMNS))
    assert "lowest F1" not in out


def test_more_labels_are_shown_by_their_lowest_scores_without_hiding_the_cost(tmp_path):
    out, database = run_with_labels(tmp_path, 12)
    assert "lowest F1" in out and "F1 label-" not in out
    assert "training time" in out and "trainable parameters" in out
    row = next(line for line in out.splitlines() if " majority " in line)
    assert row.count("label-") == 3
    shown = run_cli(["show", "1", "--db", database]).out
    assert all(f"label-{n} " in shown for n in range(12))


def test_printing_a_report_reads_nothing_from_the_store(default_run, monkeypatch, capsys):
    from core.store.engine import open_store

    report = collect_report(open_store(str(default_run[1])), [3, 5])
    for name in ("queries.runs", "queries.run", "queries.class_metrics", "compare_runs"):
        monkeypatch.setattr(f"cli.run_report.{name}", None)
    print_report(report)
    assert "lora-r4" in capsys.readouterr().out
