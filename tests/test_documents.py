"""What the documents promise, held against the project."""

import re
import tomllib
from pathlib import Path

from cli.main import parse
from core.store.engine import DEFAULT_DATABASE
from scripts.make_record import MAX_BYTES, shipped_files

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def commands():
    blocks = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    return [line.split("#")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]


def test_the_first_screen_has_two_commands_and_the_checks_run_the_second():
    first_screen = README.split("## ")[0]
    lines = re.findall(r"```bash\n(.*?)\n```", first_screen)
    assert len(lines) == 2
    assert lines[1] in (ROOT / ".ci" / "run").read_text()


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


def test_the_query_of_the_readme_answers():
    import sqlite3

    query = re.search(r"```sql\n(.*?)```", README, re.DOTALL).group(1)
    with sqlite3.connect(f"file:{DEFAULT_DATABASE}?mode=ro&immutable=1", uri=True) as connection:
        assert connection.execute(query).fetchall()


def test_the_shipped_record_is_light():
    assert sum(path.stat().st_size for path in shipped_files(ROOT)) <= MAX_BYTES
