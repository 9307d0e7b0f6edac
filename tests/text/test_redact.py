import json
import traceback

import pytest

from core.text.redact import REDACTED, redact_json, redact_secrets

RANDOM_PART = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3f"  # of no real token
TOKENS = [
    pytest.param(f"hf_{RANDOM_PART}", id="hugging-face"),
    pytest.param(f"api_org_{RANDOM_PART}", id="hugging-face-organization"),
    pytest.param(f"sk-{RANDOM_PART}", id="openai"),
    pytest.param(f"sk-proj-{RANDOM_PART}-{RANDOM_PART}_x", id="openai-project"),
    pytest.param(f"sk-ant-api03-{RANDOM_PART}-AA", id="anthropic"),
    pytest.param(f"ghp_{RANDOM_PART}", id="github"),
    pytest.param(f"github_pat_11ABC_{RANDOM_PART}", id="github-fine-grained"),
    pytest.param(f"glpat-{RANDOM_PART}", id="gitlab"),
    pytest.param("AKIAIOSFODNN7EXAMPLE", id="aws"),
    pytest.param(f"AIza{RANDOM_PART}", id="google"),
    pytest.param(f"xoxb-{RANDOM_PART}", id="slack"),
    pytest.param(f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{RANDOM_PART}", id="json-web-token"),
    pytest.param("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----", id="private-key"),
]
SECRETS_AFTER_PREFIX = [
    pytest.param("Authorization: Bearer {}", RANDOM_PART, id="bearer-header"),
    pytest.param("{{'authorization': 'Bearer {}'}}", RANDOM_PART, id="bearer-in-object"),
    pytest.param("authorization=Basic {}", "dXNlcjpwYXNz", id="basic-header"),
    pytest.param("bearer {}", RANDOM_PART, id="bearer"),
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
    for template in ("{}", "with {} in it", "('{}',)", "x={}\n  line two: {}\n", "https://user:{}@host", "{},{}"):
        redacted = redact_secrets(template.replace("{}", token))
        assert REDACTED in redacted
        assert not any(part in redacted for part in token.split("\n"))
        assert redact_secrets(redacted) == redacted


@pytest.mark.parametrize(("template", "secret"), SECRETS_AFTER_PREFIX)
def test_text_around_a_password_is_kept(template, secret):
    assert redact_secrets(template.format(secret)) == template.format(REDACTED)
    assert redact_secrets(template.format(REDACTED)) == template.format(REDACTED)


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_is_not_redacted(text):
    assert redact_secrets(text) == text


@pytest.mark.parametrize("name", ["HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "my_api_key", "CLIENT_SECRET", "PGPASSWORD"])
def test_values_of_secret_variables_are_redacted(name, monkeypatch):
    monkeypatch.setenv(name, "correct horse/battery")
    text = "It said 'correct horse/battery', or correct%20horse%2Fbattery in a link."
    assert redact_secrets(text) == f"It said '{REDACTED}', or {REDACTED} in a link."


def test_short_values_and_other_variables_are_not_redacted(monkeypatch):
    monkeypatch.setenv("SORT_KEY", "name")
    monkeypatch.setenv("KEYBOARD", "a qwerty one")
    assert redact_secrets("the name of a qwerty one") == "the name of a qwerty one"


def test_longer_of_two_overlapping_values_is_redacted_completely(monkeypatch):
    monkeypatch.setenv("A_TOKEN", "password")
    monkeypatch.setenv("B_TOKEN", "password-and-more")
    assert redact_secrets("password-and-more, password") == f"{REDACTED}, {REDACTED}"


def test_traceback_keeps_its_lines_without_secrets():
    token = f"hf_{RANDOM_PART}"
    try:
        try:
            raise OSError(f"401 for https://me:{token}@hub\nwith {token}")
        except OSError as error:
            raise ValueError({"token": token}) from error
    except ValueError:
        trace = traceback.format_exc()
    redacted = redact_secrets(trace)
    assert RANDOM_PART not in redacted
    assert redacted.count("\n") == trace.count("\n")
    assert (
        "Traceback (most recent call last)" in redacted
        and "ValueError" in redacted
        and "401 for https://me:" in redacted
    )


def test_nested_json_keeps_its_form():
    token = f"hf_{RANDOM_PART}"
    value = {"a": [1, None, 2.5, True, {token: f"x {token}"}], "b": ("plain", f"api_org_{RANDOM_PART}")}
    redacted = redact_json(value)
    assert redacted == {"a": [1, None, 2.5, True, {REDACTED: f"x {REDACTED}"}], "b": ("plain", REDACTED)}
    assert RANDOM_PART not in json.dumps(redacted)
