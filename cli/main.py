"""Parse the command line, execute one command, and turn exceptions into messages and exit codes."""

import logging
import os
import sys
import traceback
from argparse import Namespace
from collections.abc import Sequence
from typing import NoReturn

from cli.arguments import PROGRAM, Parser
from cli.commands import NAMES, Command, CommandGroup, load_command
from core.errors import BenchError, RequestError, RunError, did_you_mean
from core.text.input_checks import redacted_repr
from core.text.redact import redact_secrets
from core.text.sanitize import UNSTORABLE, escape_invisible

DONE, RUN_FAILED, WRONG_REQUEST, STOPPED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Execute one command and return its exit code: 0 done, 1 a run failed, 2 the request was wrong."""
    _configure_libraries()
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        arguments = parse(words)
        code = int(arguments.execute(arguments))
        print(end="", flush=True)  # a closed pipe is noticed here, not at exit
        return code
    except KeyboardInterrupt:
        print("runner.py: stopped.", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:  # the reader, such as head, has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        return _report_error(error, debug="--debug" in words)


def parse(words: Sequence[str]) -> Namespace:
    """Parse a command line; the result's ``execute`` is the function that executes it.

    A first word that is not a flag names a command; without one the command is ``run``. Raises `RequestError`
    for a command line that cannot be understood.
    """
    _refuse_undecodable(words)
    name, rest = (words[0], words[1:]) if words and not words[0].startswith("-") else ("run", words)
    if name not in NAMES:
        raise RequestError(f"unknown command '{name}'.{did_you_mean(name, NAMES)} Commands: {', '.join(NAMES)}.")
    command = load_command(name)
    if isinstance(command, CommandGroup):
        name, command, rest = _select_action(name, command, rest)
    parser = Parser("" if name == "run" else name, command.help)
    command.add_arguments(parser)
    arguments, unknown = parser.parse_known_intermixed_args(rest)  # flags may stand between the texts of predict
    if unknown and unknown[0] in NAMES:
        raise RequestError(f"the command comes first: {PROGRAM} {unknown[0]} ...")
    if unknown:
        parser.refuse_unknown(unknown[0])
    arguments.execute = command.execute
    return arguments


def _select_action(name: str, group: CommandGroup, words: Sequence[str]) -> tuple[str, Command, Sequence[str]]:
    """Return the full name of the action that the first word names, its command and the remaining words."""
    if not words or words[0] not in group.actions:
        _explain_actions(name, group, words)
    return f"{name} {words[0]}", group.actions[words[0]], words[1:]


def _explain_actions(name: str, group: CommandGroup, words: Sequence[str]) -> NoReturn:
    """Print the help of a group of actions if it was requested; else raise `RequestError`."""
    parser = Parser(name, group.help, usage=f"{PROGRAM} {name} ACTION [flags]")
    actions = [f"  {action:10}{command.help}" for action, command in group.actions.items()]
    parser.epilog = "\n".join(["actions, each with its own --help:", *actions])
    listed = ", ".join(group.actions)
    if words and words[0] in ("-h", "--help"):
        parser.print_help()
        parser.exit()
    if not words or words[0].startswith("-"):
        parser.error(f"the action comes first, one of: {listed}.")
    parser.error(f"unknown action {redacted_repr(words[0])}.{did_you_mean(words[0], group.actions)} Actions: {listed}.")


def _refuse_undecodable(words: Sequence[str]) -> None:
    for position, word in enumerate(words, start=1):
        if match := UNSTORABLE.search(word):
            place = f"argument {position}, character {match.start() + 1:,}"
            raise RequestError(f"{place}: not UTF-8, or a NUL character. Convert the text to UTF-8 (iconv).")


def _configure_libraries() -> None:
    """Set what torch, cuBLAS and bitsandbytes read once, when they are imported."""
    # Idle OpenMP threads that spin make training up to 2.7 times as slow on a shared machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Without it a GPU's matrix products may differ between runs.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # As soon as peft is imported, it warns about a faster CPU path that needs another package.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


def _report_error(error: Exception, *, debug: bool) -> int:
    """Print an exception as one message on standard error and return the exit code."""
    if debug:
        print(escape_invisible(redact_secrets("".join(traceback.format_exception(error)))), file=sys.stderr)
    expected = isinstance(error, BenchError)
    text = str(error) if expected else f"unexpected {type(error).__name__}: {error} (--debug shows where)"
    print(f"runner.py: {escape_invisible(redact_secrets(text))}", file=sys.stderr)
    return WRONG_REQUEST if expected and not isinstance(error, RunError) else RUN_FAILED
