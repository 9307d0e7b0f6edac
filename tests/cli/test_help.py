import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli.commands import NAMES, CommandGroup, load_command
from core.config import RunConfig, flag
from tests.command_line import run_cli

ROOT = Path(__file__).resolve().parents[2]
MAX_HELP_LINES = 60
PRINT_HEAVY_IMPORTS = """
import sys
from cli.main import main
try:
    code = main(sys.argv[1:])
except SystemExit as exit_:
    code = exit_.code
print(code, *{"torch", "transformers", "peft", "pandas", "sqlalchemy", "rich"} & {*sys.modules})
"""


def test_help_shows_every_command_and_few_flags_on_one_screen():
    code, out, _ = run_cli(["--help"])
    assert code == 0
    lines = out.splitlines()
    assert len(lines) <= MAX_HELP_LINES
    assert [line.split()[0] for line in lines if re.match(rf"  ({'|'.join(NAMES)}) ", line)] == list(NAMES)
    shown = [name for name in RunConfig.model_fields if f"{flag(name)} " in out]
    assert {"dataset", "model", "method", "r", "epochs", "lr", "seed"} <= set(shown) and len(shown) <= 10
    assert out.count("python runner.py") >= 3 and "--help-all" in out


def test_help_all_shows_every_setting_with_its_description():
    out = " ".join(run_cli(["--help-all"]).out.split())
    for name, field in RunConfig.model_fields.items():
        assert f"{flag(name)}" in out
        assert " ".join(field.description.split()[:3]) in out.replace("- ", "-")


def test_switches_have_no_metavar_and_choices_are_listed():
    out = run_cli(["--help-all"]).out
    assert "--dora, --no-dora" in out
    assert "{8bit,4bit}" in out and "{none,balanced}" in out
    assert "DORA" not in out


@pytest.mark.parametrize("name", NAMES)
def test_help_of_every_command_shows_its_description(name):
    command = load_command(name)
    out = run_cli([name, "--help"]).out
    if name != "run":
        assert command.help.split(";")[0] in " ".join(out.split())
    if isinstance(command, CommandGroup):
        assert all(action.help in out for action in command.actions.values())


@pytest.mark.parametrize(
    ("argv", "code"),
    [(["--help"], "0"), (["--help-all"], "0"), (["--nonsense"], "2"), (["db", "nonsense"], "2"), (["show", "x"], "2")],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_help_and_wrong_arguments_import_no_heavy_library(argv, code):
    done = subprocess.run(
        [sys.executable, "-c", PRINT_HEAVY_IMPORTS, *argv], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.splitlines()[-1] == code
