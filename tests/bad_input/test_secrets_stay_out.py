"""Secrets that stand in the environment, in addresses and in what libraries say: nowhere in a record or on a screen."""

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
from tests.bad_input.asking import SIZES, ask

HUB = "hf_" + "aB3dE5gH7j" * 3  # no real one, as all of these
SECRETS = {
    "HF_TOKEN": HUB,
    "HUGGING_FACE_HUB_TOKEN": "another Hub's token",
    "PGPASSWORD": "hunter2/of the server",
    "OPENAI_API_KEY": "sk-" + "aB3dE5gH7j" * 4,
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYzEXAMPLEKEY",
    "MY_COOKIE_SECRET": "a long row of letters",
}
URL = "postgresql://me:hunter2xyz@127.0.0.1:1/runs"
ALL = [*SECRETS.values(), "hunter2xyz"]


@pytest.fixture(autouse=True)
def known(monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def everything(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def holds_none(text: str | bytes) -> bool:
    content = text if isinstance(text, bytes) else text.encode()
    return not any(secret.encode() in content for secret in ALL)


def told() -> str:
    """Return what a library may say: every secret, as it is, in a URL and in an object."""
    return f"401 for {URL}: " + "; ".join(f"{name}={value!r}" for name, value in os.environ.items() if name in SECRETS)


def fail_deep_down(secret: str) -> None:
    try:
        raise OSError(f"{told()} with {secret}")
    except OSError as error:
        raise ValueError({"token": secret, "said": str(error)}) from error


@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt, SystemExit, RequestError])
def test_a_run_that_fails_with_secrets_records_none(stop, tmp_path):
    store = open_store(str(tmp_path / "runs.db"), create=True)
    environment = describe_environment() | {"said": told(), "nested": [{"token": HUB}]}
    try:
        with recording(store, make_config({}), f"named {HUB}", environment) as run:
            run.log_line(told())
            logging.getLogger("some.library").warning("it says %s and %s", HUB, told())
            run.enter_phase("training")
            if stop is ValueError:
                fail_deep_down(HUB)
            raise stop(told())
    except (KeyboardInterrupt, SystemExit):
        pass
    record = queries.run(store, 1)
    assert record.state == ("cancelled" if stop in (KeyboardInterrupt, SystemExit) else "failed")
    assert "401 for postgresql://me:***@127.0.0.1:1/runs" in "\n".join(queries.log_tail(store, 1)["text"])
    assert (record.traceback is not None) == (stop is ValueError)
    store.engine.dispose()
    assert holds_none(everything(tmp_path))
    for command in ("show 1", "show 1 --json", "show 1 --debug", "list --json", "db check"):
        _, out, err = ask([*command.split(), "--db", str(tmp_path / "runs.db")])
        assert holds_none(out + err), command


@pytest.mark.parametrize("debug", [[], ["--debug"]], ids=["plain", "debug"])
@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(["list", "--db", URL], id="list-url"),
        pytest.param(["--method", "majority", *SIZES, "--db", URL], id="run-url"),
        pytest.param(["db", "check", "--db", URL], id="check-url"),
        pytest.param(["db", "upgrade", "--db", URL], id="upgrade-url"),
        pytest.param(
            ["list", "--db", "postgresql://127.0.0.1:1/runs?password=hunter2xyz"], id="list-password-in-query"
        ),
        pytest.param(["list", "--db", "postgresql+nonsense://me:hunter2xyz@host/runs"], id="list-unknown-driver"),
        pytest.param(["list", "--db", "mysql://me:hunter2xyz@host:port/runs"], id="list-mysql"),
        pytest.param(["--config", f"nowhere-{HUB}.yaml"], id="config"),
        pytest.param(["--dataset", f"{HUB}.csv"], id="dataset"),
        pytest.param(["--dataset", f"https://me:{HUB}@host/a.csv"], id="dataset-url"),
        pytest.param(["--model", f"owner/{HUB}"], id="model"),
        pytest.param(["--revision", HUB], id="revision"),
        pytest.param(["--peft", f"{HUB}=1"], id="peft-key"),
        pytest.param(["--peft", f"scaling={HUB}"], id="peft-value"),
        pytest.param(["--splits", f"test={HUB}"], id="splits"),
        pytest.param(["--target-modules", f"a,{HUB}"], id="target-modules"),
        pytest.param(["--name", HUB], id="name"),
        pytest.param(["--nonsense", HUB], id="unknown-flag"),
        pytest.param([HUB], id="command"),
        pytest.param(["show", HUB], id="show"),
        pytest.param(["predict", "1", "--file", f"{HUB}.csv"], id="predict"),
        pytest.param(["merge", "1", f"nowhere/{HUB}"], id="merge"),
    ],
)
def test_no_message_holds_a_secret_that_was_given(argv, debug, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNS_DB", str(tmp_path / "runs.db"))
    code, out, err = ask([*argv, *debug])
    assert code == 2 and holds_none(out + err), out + err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", [name for name, field in RunConfig.model_fields.items() if field.annotation is not bool]
)
@pytest.mark.parametrize(
    "secret",
    [HUB, f"a {HUB} b", "https://me:hunter2xyz@host/x", [HUB], {"a": HUB}, {HUB: "a"}],
    ids=["token", "token-in-text", "url", "list", "value", "key"],
)
def test_no_setting_holds_one(name, secret):
    with pytest.raises(RequestError) as refusal:
        make_config({name: secret})
    assert holds_none(str(refusal.value))


def test_settings_from_a_file_hold_none(tmp_path):
    for number, value in enumerate([HUB, [HUB], {"key": HUB}, f"https://me:{HUB}@host/x"]):
        file = tmp_path / f"{number}.yaml"
        file.write_text(json.dumps({"dataset": value}))
        code, out, err = ask(["--config", str(file), "--db", str(tmp_path / "runs.db")])
        assert code == 2 and holds_none(out + err)
    assert not (tmp_path / "runs.db").exists()


def test_what_is_recorded_of_the_surroundings_names_no_variable_and_no_folder():
    text = json.dumps(describe_environment())
    assert holds_none(text) and str(Path.home()) not in text and "/tmp" not in text


@pytest.mark.parametrize(
    "threads", ["", "two", "4,2", "-1", "9" * 40], ids=["empty", "word", "pair", "negative", "very-large"]
)
def test_odd_numbers_of_threads_do_not_stop_a_run(threads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    assert describe_environment()["threads"] >= 1
