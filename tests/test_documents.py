"""What the documents promise, held against the project."""

import re
import tomllib
from pathlib import Path

from cli.arguments import parse
from scripts.make_record import MOST_BYTES, shipped

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def commands():
    blocks = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    return [line.split("#")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]


def test_the_checks_run_the_two_install_commands_of_the_readme():
    lines = [line for line in commands() if line.startswith("python3 -m venv")]
    assert len(lines) == 2
    checks = (ROOT / ".ci" / "run").read_text()
    assert all(line in checks for line in lines)


def test_every_command_of_the_readme_is_understood():
    import shlex

    ours = [shlex.split(line)[2:] for line in commands() if line.startswith("python runner.py")]
    assert len(ours) >= 8
    for arguments in ours:
        parse(arguments)


def test_every_link_and_picture_of_the_documents_is_there():
    for document in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text()):
            assert (ROOT / target).exists(), f"{document.name} names {target}"


def test_every_dependency_is_justified():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    names = {
        re.split(r"[\[<>=]", one)[0]
        for one in [*project["dependencies"], *(one for extra in extras.values() for one in extra)]
    }
    table = (ROOT / "CONTRIBUTING.md").read_text().split("## Dependencies")[1]
    assert not [name for name in names - {"adapter-bench"} if not re.search(rf"\b{name}\b", table)]


def test_the_query_of_the_readme_answers(shipped_record):
    import sqlite3

    query = re.search(r"```sql\n(.*?)```", README, re.DOTALL).group(1)
    with sqlite3.connect(shipped_record / "runs.db") as connection:
        assert connection.execute(query).fetchall()


def test_the_shipped_record_is_light(shipped_record):
    assert sum(path.stat().st_size for path in shipped(shipped_record)) <= MOST_BYTES
