import json
import traceback

import pytest

from core.text.redact import REDACTED, redact_json, redact_secrets

LONG = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3f"  # no real one
TOKENS = [
    pytest.param(f"hf_{LONG}", id="hugging-face"),
    pytest.param(f"api_org_{LONG}", id="hugging-face-organization"),
    pytest.param(f"sk-{LONG}", id="openai"),
    pytest.param(f"sk-proj-{LONG}-{LONG}_x", id="openai-project"),
    pytest.param(f"sk-ant-api03-{LONG}-AA", id="anthropic"),
    pytest.param(f"ghp_{LONG}", id="github"),
    pytest.param(f"github_pat_11ABC_{LONG}", id="github-fine-grained"),
    pytest.param(f"glpat-{LONG}", id="gitlab"),
    pytest.param("AKIAIOSFODNN7EXAMPLE", id="aws"),
    pytest.param(f"AIza{LONG}", id="google"),
    pytest.param(f"xoxb-{LONG}", id="slack"),
    pytest.param(f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{LONG}", id="json-web-token"),
    pytest.param("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----", id="private-key"),
]
BEHIND = [
    pytest.param("Authorization: Bearer {}", LONG, id="bearer-header"),
    pytest.param("{{'authorization': 'Bearer {}'}}", LONG, id="bearer-in-object"),
    pytest.param("authorization=Basic {}", "dXNlcjpwYXNz", id="basic-header"),
    pytest.param("bearer {}", LONG, id="bearer"),
    pytest.param("postgresql+psycopg://me:{}@host:5432/runs?sslmode=require", "hunter2", id="postgresql-driver"),
    pytest.param("postgresql://me:{}@host/runs", "p@ss:w0rd", id="at-and-colon"),
    pytest.param("postgresql://me:{}@host/runs", "p/w", id="slash"),
    pytest.param("postgresql://me:{}@host/runs", "p/w@", id="slash-and-at"),
    pytest.param("postgresql://me:{}@host/runs", "p/w@0", id="slash-at-digit"),
    pytest.param("https://:{}@host", "hunter2", id="without-user"),
    pytest.param("postgresql://host/runs?user=me&password={}", "hunter2", id="password-in-query"),
    pytest.param("https://host/file.csv?access_token={}&x=1", "hunter2", id="token-in-query"),
    pytest.param("host=db password={} user=me", "hunter2", id="connection-words"),
]
ORDINARY = [
    pytest.param("A film that one forgets while watching it; the bearer of bad news said so.", id="prose"),
    pytest.param("sentence-transformers/all-MiniLM-L6-v2 at c9745ed1d9f207416be6d2e6f8de32d1f16199bf", id="revision"),
    pytest.param(
        "sk-learn, task-specific-multilingual, hf_internal, a basic configuration, a token=3", id="words-like-tokens"
    ),
    pytest.param(
        "https://localhost:8501/runs?run=12 and http://host:80/@user and sqlite:////tmp/my runs.db", id="urls"
    ),
    pytest.param("postgresql://me@host:5432/runs, git@host:me/it.git, me@example.org: 10@5", id="addresses"),
    pytest.param("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", id="hash"),
    pytest.param("num_virtual_tokens=8, AKIA, the keys and the passwords of which we speak", id="settings"),
    pytest.param("", id="empty"),
]


@pytest.mark.parametrize("token", TOKENS)
def test_token_is_redacted_anywhere(token):
    for told in ("{}", "with {} in it", "('{}',)", "x={}\n  line two: {}\n", "https://user:{}@host", "{},{}"):
        hidden = redact_secrets(told.replace("{}", token))
        assert REDACTED in hidden
        assert not any(part in hidden for part in token.split("\n"))
        assert redact_secrets(hidden) == hidden


@pytest.mark.parametrize(("told", "secret"), BEHIND)
def test_text_around_a_password_is_kept(told, secret):
    assert redact_secrets(told.format(secret)) == told.format(REDACTED)
    assert redact_secrets(told.format(REDACTED)) == told.format(REDACTED)


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_is_not_redacted(text):
    assert redact_secrets(text) == text


@pytest.mark.parametrize("name", ["HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "my_api_key", "CLIENT_SECRET", "PGPASSWORD"])
def test_values_of_secret_variables_are_redacted(name, monkeypatch):
    monkeypatch.setenv(name, "correct horse/battery")
    told = "It said 'correct horse/battery', or correct%20horse%2Fbattery in a link."
    assert redact_secrets(told) == f"It said '{REDACTED}', or {REDACTED} in a link."


def test_short_values_and_other_variables_are_not_redacted(monkeypatch):
    monkeypatch.setenv("SORT_KEY", "name")
    monkeypatch.setenv("KEYBOARD", "a qwerty one")
    assert redact_secrets("the name of a qwerty one") == "the name of a qwerty one"


def test_longer_of_two_overlapping_values_is_redacted_completely(monkeypatch):
    monkeypatch.setenv("A_TOKEN", "password")
    monkeypatch.setenv("B_TOKEN", "password-and-more")
    assert redact_secrets("password-and-more, password") == f"{REDACTED}, {REDACTED}"


def test_traceback_keeps_its_lines_without_secrets():
    token = f"hf_{LONG}"
    try:
        try:
            raise OSError(f"401 for https://me:{token}@hub\nwith {token}")
        except OSError as error:
            raise ValueError({"token": token}) from error
    except ValueError:
        trace = traceback.format_exc()
    hidden = redact_secrets(trace)
    assert LONG not in hidden
    assert hidden.count("\n") == trace.count("\n")
    assert "Traceback (most recent call last)" in hidden and "ValueError" in hidden and "401 for https://me:" in hidden


def test_nested_json_keeps_its_form():
    token = f"hf_{LONG}"
    given = {"a": [1, None, 2.5, True, {token: f"x {token}"}], "b": ("plain", f"api_org_{LONG}")}
    hidden = redact_json(given)
    assert hidden == {"a": [1, None, 2.5, True, {REDACTED: f"x {REDACTED}"}], "b": ("plain", REDACTED)}
    assert LONG not in json.dumps(hidden)
