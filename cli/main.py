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

EXIT_OK, EXIT_RUN_FAILED, EXIT_BAD_REQUEST, EXIT_INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Execute one command and return its exit code.

    0: done. 1: a run failed, ``db`` found problems, or an unexpected error. 2: invalid request, or
    the database cannot be used. 130: interrupted.
    """
    _configure_libraries()
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        arguments = parse(argv)
        code = int(arguments.execute(arguments))
        print(end="", flush=True)  # raise BrokenPipeError here, not at exit
        return code
    except KeyboardInterrupt:
        print("runner.py: interrupted.", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader, such as head, has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except Exception as error:
        return _report_error(error, debug="--debug" in argv)


def parse(argv: Sequence[str]) -> Namespace:
    """Parse a command line; ``execute`` of the result is the function that executes it.

    The first argument names a command if it is not a flag; otherwise the command is ``run``. Raises `RequestError`
    for an invalid command line.
    """
    _refuse_undecodable(argv)
    name, rest = (argv[0], argv[1:]) if argv and not argv[0].startswith("-") else ("run", argv)
    if name not in NAMES:
        raise RequestError(f"unknown command '{name}'.{did_you_mean(name, NAMES)} Commands: {', '.join(NAMES)}.")
    command = load_command(name)
    if isinstance(command, CommandGroup):
        name, command, rest = _select_action(name, command, rest)
    parser = Parser("" if name == "run" else name, command.help)
    command.add_arguments(parser)
    arguments, unknown = parser.parse_known_intermixed_args(rest)  # flags may come between the texts of predict
    if unknown and unknown[0] in NAMES:
        raise RequestError(f"pass the command first: {PROGRAM} {unknown[0]} ...")
    if unknown:
        parser.refuse_unknown(unknown[0])
    arguments.execute = command.execute
    return arguments


def _select_action(name: str, group: CommandGroup, arguments: Sequence[str]) -> tuple[str, Command, Sequence[str]]:
    """Return the full name of the action in the first argument, its command and the remaining arguments."""
    if not arguments or arguments[0] not in group.actions:
        _print_group_help_or_raise(name, group, arguments)
    return f"{name} {arguments[0]}", group.actions[arguments[0]], arguments[1:]


def _print_group_help_or_raise(name: str, group: CommandGroup, arguments: Sequence[str]) -> NoReturn:
    """Print the help of a group of actions if it was requested; otherwise raise `RequestError`."""
    parser = Parser(name, group.help, usage=f"{PROGRAM} {name} ACTION [flags]")
    actions = [f"  {action:10}{command.help}" for action, command in group.actions.items()]
    parser.epilog = "\n".join([f"actions (for the flags of an action: {PROGRAM} {name} ACTION --help):", *actions])
    listed = ", ".join(group.actions)
    if arguments and arguments[0] in ("-h", "--help"):
        parser.print_help()
        parser.exit()
    if not arguments or arguments[0].startswith("-"):
        parser.error(f"pass an action first, one of: {listed}.")
    action = arguments[0]
    parser.error(f"unknown action {redacted_repr(action)}.{did_you_mean(action, group.actions)} Actions: {listed}.")


def _refuse_undecodable(argv: Sequence[str]) -> None:
    for position, argument in enumerate(argv, start=1):
        if match := UNSTORABLE.search(argument):
            raise RequestError(
                f"argument {position}: character {match.start() + 1:,} is NUL or not valid UTF-8. "
                "Convert the text to UTF-8 (iconv)."
            )


def _configure_libraries() -> None:
    """Set the options that OpenMP, cuBLAS and bitsandbytes read once, when they are loaded."""
    # Idle OpenMP threads that spin make training up to 2.7 times as slow on a shared machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Without this, matrix products on a GPU are not deterministic.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # bitsandbytes warns on import about a faster CPU path that needs another package.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


def _report_error(error: Exception, *, debug: bool) -> int:
    """Print an exception as one message on standard error and return the exit code."""
    if debug:
        print(escape_invisible(redact_secrets("".join(traceback.format_exception(error)))), file=sys.stderr)
    expected = isinstance(error, BenchError)
    text = str(error) if expected else f"unexpected {type(error).__name__}: {error} (--debug shows the traceback)"
    print(f"runner.py: {escape_invisible(redact_secrets(text))}", file=sys.stderr)
    return EXIT_BAD_REQUEST if expected and not isinstance(error, RunError) else EXIT_RUN_FAILED
