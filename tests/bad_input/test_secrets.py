"""Secrets in the environment, in addresses and in library errors are never stored or printed."""

import json
import logging
import os
from pathlib import Path

import pytest

from core.config import RunConfig, make_config
from core.errors import RequestError
from core.store import queries
from core.store.engine import open_store
from core.store.recorder import recording
from core.system.environment import describe_environment
from tests.command_line import SIZES, run_cli

HUB_TOKEN = "hf_" + "aB3dE5gH7j" * 3  # fake, like all secrets in this file
SECRETS = {
    "HF_TOKEN": HUB_TOKEN,
    "HUGGING_FACE_HUB_TOKEN": "another Hub's token",
    "PGPASSWORD": "hunter2/of the server",
    "OPENAI_API_KEY": "sk-" + "aB3dE5gH7j" * 4,
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYzEXAMPLEKEY",
    "MY_COOKIE_SECRET": "a long row of letters",
}
URL = "postgresql://me:hunter2xyz@127.0.0.1:1/runs"
ALL = [*SECRETS.values(), "hunter2xyz"]


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def read_all_files(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def has_no_secret(text: str | bytes) -> bool:
    content = text if isinstance(text, bytes) else text.encode()
    return not any(secret.encode() in content for secret in ALL)


def library_message() -> str:
    """Return a message that contains every secret."""
    return f"401 for {URL}: " + "; ".join(f"{name}={value!r}" for name, value in os.environ.items() if name in SECRETS)


def raise_chained(secret: str) -> None:
    try:
        raise OSError(f"{library_message()} with {secret}")
    except OSError as error:
        raise ValueError({"token": secret, "message": str(error)}) from error


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, RequestError])
def test_a_failed_run_records_no_secret(kind, tmp_path):
    store = open_store(str(tmp_path / "runs.db"), create=True)
    environment = describe_environment() | {"message": library_message(), "nested": [{"token": HUB_TOKEN}]}
    try:
        with recording(store, make_config({}), f"named {HUB_TOKEN}", environment) as run:
            run.log_line(library_message())
            logging.getLogger("some.library").warning("it says %s and %s", HUB_TOKEN, library_message())
            run.enter_phase("training")
            if kind is ValueError:
                raise_chained(HUB_TOKEN)
            raise kind(library_message())
    except KeyboardInterrupt:
        pass
    record = queries.run(store, 1)
    assert record.state == ("cancelled" if kind is KeyboardInterrupt else "failed")
    assert "401 for postgresql://me:***@127.0.0.1:1/runs" in "\n".join(queries.log_tail(store, 1)["text"])
    assert (record.traceback is not None) == (kind is ValueError)
    store.engine.dispose()
    assert has_no_secret(read_all_files(tmp_path))
    for command in ("show 1", "show 1 --json", "show 1 --debug", "list --json", "db check"):
        _, out, err = run_cli([*command.split(), "--db", str(tmp_path / "runs.db")])
        assert has_no_secret(out + err), command


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(["list", "--db", URL], id="list-url"),
        pytest.param(["list", "--db", URL, "--debug"], id="list-url-debug"),
        pytest.param(["--method", "majority", *SIZES, "--db", URL], id="run-url"),
        pytest.param(["db", "upgrade", "--db", URL], id="upgrade-url"),
        pytest.param(["list", "--db", "postgresql+nonsense://me:hunter2xyz@host/runs"], id="unknown-driver"),
        pytest.param(["--config", f"nowhere-{HUB_TOKEN}.yaml"], id="config"),
        pytest.param(["--dataset", f"{HUB_TOKEN}.csv", "--debug"], id="dataset-debug"),
        pytest.param(["--dataset", f"https://me:{HUB_TOKEN}@host/a.csv"], id="dataset-url"),
        pytest.param(["--peft", f"{HUB_TOKEN}=1"], id="peft-key"),
        pytest.param(["--splits", f"test={HUB_TOKEN}"], id="splits"),
        pytest.param(["--name", HUB_TOKEN], id="name"),
        pytest.param(["--nonsense", HUB_TOKEN], id="unknown-flag"),
        pytest.param([HUB_TOKEN], id="command"),
        pytest.param(["show", HUB_TOKEN], id="run-id"),
        pytest.param(["predict", "1", "--file", f"{HUB_TOKEN}.csv"], id="predict-file"),
        pytest.param(["merge", "1", f"nowhere/{HUB_TOKEN}"], id="folder"),
    ],
)
def test_no_message_repeats_a_secret_from_the_command_line(argv, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNS_DB", str(tmp_path / "runs.db"))
    code, out, err = run_cli(argv)
    assert code == 2 and has_no_secret(out + err), out + err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", [name for name, field in RunConfig.model_fields.items() if field.annotation is not bool]
)
def test_every_setting_refuses_a_token_without_repeating_it(name):
    with pytest.raises(RequestError) as refusal:
        make_config({name: f"a {HUB_TOKEN} b"})
    assert has_no_secret(str(refusal.value))


@pytest.mark.parametrize(
    "value",
    [HUB_TOKEN, "https://me:hunter2xyz@host/x", [HUB_TOKEN], {"a": HUB_TOKEN}, {HUB_TOKEN: "a"}],
    ids=["token", "url", "list", "value", "key"],
)
@pytest.mark.parametrize("name", ["dataset", "peft"])
def test_a_secret_in_any_form_is_refused(name, value):
    with pytest.raises(RequestError) as refusal:
        make_config({name: value})
    assert has_no_secret(str(refusal.value))


def test_a_config_file_with_a_secret_is_refused_without_repeating_it(tmp_path):
    for number, value in enumerate([HUB_TOKEN, [HUB_TOKEN], {"key": HUB_TOKEN}, f"https://me:{HUB_TOKEN}@host/x"]):
        file = tmp_path / f"{number}.yaml"
        file.write_text(json.dumps({"dataset": value}))
        code, out, err = run_cli(["--config", str(file), "--db", str(tmp_path / "runs.db")])
        assert code == 2 and has_no_secret(out + err)
    assert not (tmp_path / "runs.db").exists()


def test_the_recorded_environment_contains_no_secret_and_no_folder():
    text = json.dumps(describe_environment())
    assert has_no_secret(text) and str(Path.home()) not in text and "/tmp" not in text


@pytest.mark.parametrize("threads", ["two", "4,2", "-1", "9" * 40], ids=["word", "pair", "negative", "very-large"])
def test_an_invalid_number_of_threads_does_not_stop_a_run(threads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    assert describe_environment()["threads"] >= 1
