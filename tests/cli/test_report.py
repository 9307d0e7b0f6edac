"""``report`` writes one new file completely, or nothing."""

import pytest

from tests.command_line import assert_refused, run_cli


@pytest.fixture
def database(default_run):
    return str(default_run[1])


@pytest.mark.parametrize(("name", "start"), [("report.html", "<!DOCTYPE html>"), ("REPORT.MD", "# movie-reviews")])
def test_suffix_selects_the_format(name, start, database, tmp_path):
    code, out, err = run_cli(["report", "3", "5", "--output", str(tmp_path / name), "--db", database])
    assert code == 0, err
    assert str(tmp_path / name) in out
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text().startswith(start)


def test_markdown_is_printed_without_a_file(database):
    code, out, _ = run_cli(["report", "5", "--failures", "2", "--db", database])
    assert code == 0 and out.startswith("# movie-reviews\n")
    (failures,) = [part for part in out.split("\n## ") if part.startswith("Failures")]
    assert failures.count("\n| ") == 4


def test_requests_that_cannot_be_met_write_nothing(database, tmp_path):
    (tmp_path / "old.html").write_text("old")
    refused = {
        "exists": ["5", "--output", str(tmp_path / "old.html")],
        ".html or .md": ["5", "--output", str(tmp_path / "report.pdf")],
        "no folder": ["5", "--output", str(tmp_path / "none" / "report.md")],
        "no run 99": ["99", "--output", str(tmp_path / "report.md")],
        "--failures": ["5", "--failures", "-1"],
    }
    for named, argv in refused.items():
        assert named in assert_refused(["report", *argv, "--db", database], tmp_path)
