"""What can be asked: the commands, and a flag for every field of RunConfig."""

import argparse
import itertools
import math
import shlex
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, get_args

from core.config import PAIRS, RunConfig, flag, section
from core.errors import RequestError, did_you_mean
from core.system.files import parse_user_path
from core.text.input_checks import redacted_repr
from core.text.redact import redact_secrets
from core.text.sanitize import UNSTORABLE, escape_invisible

_WRONG_REQUEST = 2
_LONGEST_MESSAGE = 4_000
_LARGEST_CONFIG = 100_000
"""Bytes of a file of settings."""
_LONGEST_NAME = 200
_LARGEST_NUMBER = 2**31 - 1
"""What a run's number may be: databases count so far."""
_SECTIONS = {
    "method": "what to run",
    "data": "data",
    "model": "model",
    "adapter": "adapter",
    "training": "training",
    "seed": "chance",
}
_HELP = {
    "run": "Run baselines and a fine-tune, and record them. Several values of a flag make a grid.",
    "list": "List the recorded runs.",
    "show": "Show one run: its settings and its scores.",
    "compare": "Compare runs with the first one, on their common test set.",
    "predict": "Classify texts with a recorded run: those given, one a line from standard input, or a file's.",
    "resume": "Go on with a run that ended early, from its last checkpoint.",
    "merge": "Write a run as a plain transformers model, proved to give the same answers.",
    "export": "Write a folder that runs without this project: adapter, tokenizer, card and an example.",
    "recheck": "Predict a run's test set again, under today's libraries, and record what drifted.",
    "delete": "Delete a run, its predictions and its files.",
    "methods": "List the methods: what they are, their defaults, and on which models they work.",
    "db": "Look after the database: 'check' it, 'upgrade' its tables, 'recover' records that are kept aside.",
}


class _Once(argparse.Action):
    """Keeps what a flag was given; refuses the flag a second time, which would silently take the first one's place."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        if option is not None and getattr(namespace, self.dest) is not self.default:
            several = f" Several values stand behind one: {option} 1 2" if self.nargs in ("+", "*") else ""
            parser.error(f"{option} is given twice.{several}")
        setattr(namespace, self.dest, values)


class _Parser(argparse.ArgumentParser):
    """Says what was meant where a flag is misspelt."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for name in (None, "store"):
            self.register("action", name, _Once)

    def error(self, message: str) -> NoReturn:
        _refuse(f"{message}{'' if message.endswith('.') else '.'} See: {self.prog} --help")

    def refuse_unknown(self, word: str) -> NoReturn:
        """Say that a word is not known here, and what may have been meant."""
        if word in _HELP:
            _refuse(f"a command comes first: python runner.py {word} …")
        flags = [name for name in self._option_string_actions if name.startswith("--")]
        _refuse(f"there is no {shlex.quote(word)} here.{did_you_mean(word, flags)} See: {self.prog} --help")


def parse(argv: list[str]) -> argparse.Namespace:
    """Parse a command line; a first word that is no flag names a command, none means ``run``.

    Exits with code 2, after a plain message, where it can't be understood.
    """
    named = bool(argv) and not argv[0].startswith("-")
    for number, word in enumerate(argv, start=1):
        if odd := UNSTORABLE.search(word):
            where = f"word {number} of the command (character {odd.start() + 1:,} of it)"
            _refuse(f"{where} is not UTF-8, or a NUL. Convert it with iconv.")
    if named and argv[0] not in _HELP:
        _refuse(f"there is no command '{argv[0]}'.{did_you_mean(argv[0], _HELP)} Known: {', '.join(_HELP)}.")
    command, rest = (argv[0], argv[1:]) if named else ("run", argv)
    parser = _parser(command)
    _ARGUMENTS[command](parser)
    arguments, unknown = parser.parse_known_intermixed_args(rest)  # a flag may stand between the texts
    if unknown:
        parser.refuse_unknown(unknown[0])
    arguments.command = command
    return arguments


def asked_values(arguments: argparse.Namespace) -> dict[str, list[Any]]:
    """Return every setting that was asked for, with its values: the file's, overridden by the flags'."""
    values = _file_values(arguments.config) if arguments.config else {}
    given = {name: getattr(arguments, name) for name in RunConfig.model_fields}
    return values | {name: _values(name, value) for name, value in given.items() if value is not None}


def _values(name: str, given: list[Any]) -> list[Any]:
    """Return the values that a flag was given; pairs of other keys belong together, of one key make a grid."""
    if name not in PAIRS:
        return given or [True]
    by_key: dict[str, list[str]] = {}
    for pair in given:
        by_key.setdefault(pair.partition("=")[0], []).append(pair)
    return list(itertools.product(*by_key.values()))


def _refuse(message: str) -> NoReturn:
    print(f"runner.py: {escape_invisible(redact_secrets(message))[:_LONGEST_MESSAGE]}", file=sys.stderr)
    raise SystemExit(_WRONG_REQUEST)


def _parser(command: str) -> _Parser:
    prog = "python runner.py" if command == "run" else f"python runner.py {command}"
    parser = _Parser(
        prog=prog,
        description=_HELP[command],
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--db", type=_word, metavar="PATH|URL", help="the database (default: $RUNS_DB, else runs.db beside this)"
    )
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")
    return parser


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    groups = {name: parser.add_argument_group(title) for name, title in _SECTIONS.items()}
    for name, field in RunConfig.model_fields.items():
        choices = [one for one in get_args(field.annotation) if isinstance(one, str)]
        groups[section(name)].add_argument(
            flag(name),
            nargs="*" if field.annotation is bool else "+",
            action="extend" if name in PAIRS else "store",
            metavar=name.rsplit("_", 1)[-1].upper(),
            help=f"{field.description}{_among(choices)}{_default(field.default)}",
        )
    parser.add_argument("--config", type=_word, metavar="FILE", help="a YAML file of these settings; flags override it")
    parser.add_argument("--name", type=_name, help="what to call the run")
    parser.add_argument("--no-baselines", action="store_true", help="run what is asked for alone")
    parser.add_argument("--rerun-baselines", action="store_true", help="run baselines again that are recorded already")
    _checkpoint_argument(parser)
    others = [f"  {name:8} {text}" for name, text in _HELP.items() if name != "run"]
    parser.epilog = "\n".join(["other commands, each with its own --help:", *others])


def _checkpoint_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--checkpoint-every",
        type=_from_zero("seconds", 1e9),
        default=60.0,
        metavar="SECONDS",
        help="least time between two checkpoints that a run can go on from; 0: after every step (default: 60)",
    )


def _resume_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=_run_number, help="the run's number")
    parser.add_argument("--auto-batch", action="store_true", help=RunConfig.model_fields["auto_batch"].description)
    _checkpoint_argument(parser)
    _remote_code_argument(parser)


def _among(choices: Iterable[str]) -> str:
    listed = ", ".join(choices)
    return f": {listed}" if listed else ""


def _default(value: Any) -> str:
    # None and computed defaults are told by the description
    return f" (default: {value})" if isinstance(value, str | int | float) else ""


def _run_number(text: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0
    if not 1 <= number <= _LARGEST_NUMBER:
        raise argparse.ArgumentTypeError(f"{redacted_repr(text)} is no run's number: a whole one from 1 on. See: list")
    return number


_ACTIONS = ("upgrade", "check", "recover")


def _action(text: str) -> str:
    if text not in _ACTIONS:
        raise argparse.ArgumentTypeError(f"there is no {redacted_repr(text)}.{did_you_mean(text, _ACTIONS)}")
    return text


def _from_zero(unit: str, most: float) -> Callable[[str], float]:
    """Return what reads a number of so many points or seconds."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not 0 <= number <= most:
            raise argparse.ArgumentTypeError(f"{redacted_repr(text)} is no number of {unit} from 0 to {most:,.0f}")
        return number

    return read


def _word(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("it names nothing: give it a value, or leave the flag out")
    return text


def _name(text: str) -> str:
    name = " ".join(_word(text).split())
    if len(name) > _LONGEST_NAME:
        raise argparse.ArgumentTypeError(f"a name has {_LONGEST_NAME} characters at most, this one has {len(name):,}")
    if redact_secrets(name) != name:
        raise argparse.ArgumentTypeError("it seems to hold a token, a key or a password, and names are recorded")
    return name


def _json_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--groups", action="store_true", help="one line for runs that differ in the seed alone")
    _json_argument(parser)


def _show_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=_run_number, help="the run's number")
    _json_argument(parser)


def _compare_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("first", type=_run_number, help="the run that the others are compared with")
    parser.add_argument("others", type=_run_number, nargs="+", metavar="other", help="the runs to compare with it")
    parser.add_argument(
        "--margin",
        type=_from_zero("points", 100),
        default=1.0,
        metavar="POINTS",
        help="what still counts as no worse (default: 1)",
    )
    _json_argument(parser)


def _loading_arguments(parser: argparse.ArgumentParser) -> None:
    _show_arguments(parser)
    _remote_code_argument(parser)


def _remote_code_argument(parser: argparse.ArgumentParser) -> None:
    described = RunConfig.model_fields["trust_remote_code"].description
    parser.add_argument("--trust-remote-code", action="store_true", help=described)


def _predict_arguments(parser: argparse.ArgumentParser) -> None:
    _loading_arguments(parser)
    parser.add_argument("texts", nargs="*", metavar="text", help="what to classify; with none, what is piped in")
    parser.add_argument("--file", type=_word, metavar="FILE", help="a CSV, TSV, JSONL or Parquet file of texts")
    parser.add_argument("--text-column", type=_word, metavar="COLUMN", help="the file's column with the texts; guessed")
    parser.add_argument(
        "--output",
        type=_word,
        metavar="FILE",
        help="where to write the rows with their predictions, as .csv, .tsv or .jsonl",
    )


def _taken_away_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=_run_number, help="the run's number")
    parser.add_argument("folder", type=_word, metavar="DIR", help="a folder that is not there yet, or is empty")
    _remote_code_argument(parser)


def _delete_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=_run_number, help="the run's number")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _methods_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--probe", action="store_true", help="try them all with the installed packages, and keep that")
    _json_argument(parser)


def _db_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", type=_action, help=f"{_among(_ACTIONS)}")
    parser.add_argument("--mend", action="store_true", help="check: mend what can be mended without losing anything")
    _json_argument(parser)
    parser.add_argument(
        "--backed-up", action="store_true", help="say that a server's database has a backup; of a file one is made"
    )


_ARGUMENTS = {
    "run": _run_arguments,
    "list": _list_arguments,
    "show": _show_arguments,
    "compare": _compare_arguments,
    "predict": _predict_arguments,
    "resume": _resume_arguments,
    "merge": _taken_away_arguments,
    "export": _taken_away_arguments,
    "recheck": _loading_arguments,
    "delete": _delete_arguments,
    "methods": _methods_arguments,
    "db": _db_arguments,
}


def _file_values(path: str) -> dict[str, list[Any]]:
    from core.text.yaml_reader import parse_yaml  # for this flag alone

    try:
        content = parse_yaml(_settings_text(path))
    except OSError as error:
        raise RequestError(f"--config {path} can't be read: {error.strerror}.") from None
    except ValueError as error:
        raise RequestError(f"--config {path} is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise RequestError(f"--config {path} holds no settings. Expected lines such as 'r: 8' or 'seed: [1, 2, 3]'.")
    named: dict[str, list[Any]] = {}
    for key, value in content.items():
        name = str(key).replace("-", "_")
        if name in named:
            raise RequestError(f"--config {path}: {name} stands there twice.")
        if value is not None:
            named[name] = _listed(path, name, value)
    return named


def _settings_text(path: str) -> str:
    file = parse_user_path("--config", path)
    if file.exists() and not file.is_file():
        raise RequestError(f"--config {path} is no file: a folder, a device or a pipe. Save the settings into a file.")
    with file.open("rb") as opened:
        content = opened.read(_LARGEST_CONFIG + 1)
    if len(content) > _LARGEST_CONFIG:
        raise RequestError(f"--config {path} has more than {_LARGEST_CONFIG:,} bytes: it is no file of settings.")
    return content.decode("utf-8-sig")


def _listed(path: str, name: str, value: Any) -> list[Any]:
    """Return the values that a file gives a setting: a list stands for several runs, of pairs for their grid."""
    if value == []:
        raise RequestError(f"--config {path}: {name} is an empty list. Name a value, or leave it out.")
    given = value if isinstance(value, list) else [value]
    return _values(name, given) if all(isinstance(one, str) for one in given) else given
