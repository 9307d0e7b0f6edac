"""Sign-in and roles: who may see, who may change, and that `dashboard.data` enforces it."""

import pytest

from core.errors import RequestError
from core.store import queries
from core.store.engine import open_store
from core.store.run_edits import annotate
from dashboard import access
from tests.dashboard.hard_texts import HOSTILE
from tests.dashboard.reading import PAGES, example_of, page_text

AUTH = {"client_id": "bench", "redirect_uri": "http://localhost/oauth2callback", "cookie_secret": "x" * 32}
ANN, BOB = "ann@a.org", "bob@b.org"


def user(address, **more):
    return {"is_logged_in": True, "email": address, "email_verified": True, **more}


@pytest.fixture
def secrets(monkeypatch):
    """Set the secrets and the signed-in user."""

    def set_secrets(secrets, signed_in=None):
        class Secrets:
            def to_dict(self):
                return secrets

        monkeypatch.setattr(access.st, "secrets", Secrets())
        monkeypatch.setattr(access.st, "user", signed_in or {})

    return set_secrets


@pytest.mark.parametrize(
    ("roles", "signed_in", "may_see", "may_change"),
    [
        pytest.param({}, None, False, False, id="no-roles-no-user"),
        pytest.param({}, user(ANN), True, False, id="no-roles-user"),
        pytest.param({"editors": [ANN]}, user(ANN), True, True, id="editor"),
        pytest.param({"editors": [ANN]}, user(ANN.upper()), True, True, id="editor-in-capitals"),
        pytest.param({"editors": [ANN]}, user(BOB), True, False, id="not-an-editor"),
        pytest.param({"editors": ["@a.org"]}, user(ANN), True, True, id="editor-by-domain"),
        pytest.param({"editors": ["@a.org"]}, user("eve@evil-a.org"), True, False, id="similar-domain"),
        pytest.param({"editors": ["@a.org"]}, user("eve@a.org@evil.org"), True, False, id="two-at-signs"),
        pytest.param({"editors": ANN}, user(ANN), True, True, id="editors-as-text"),
        pytest.param({"editors": [ANN], "viewers": ["@b.org"]}, user(BOB), True, False, id="viewer-by-domain"),
        pytest.param({"editors": [ANN], "viewers": ["@b.org"]}, user(ANN), True, True, id="editor-with-viewers"),
        pytest.param(
            {"editors": [ANN], "viewers": ["@b.org"]}, user("eve@evil.org"), False, False, id="stranger-with-viewers"
        ),
        pytest.param({"editors": [ANN], "viewers": []}, user(BOB), False, False, id="no-viewers"),
        pytest.param({"editors": [ANN]}, user(ANN, email_verified=False), True, False, id="unverified-editor"),
        pytest.param(
            {"editors": [ANN], "viewers": [ANN]}, user(ANN, email_verified=False), False, False, id="unverified-viewer"
        ),
        pytest.param(
            {"editors": [ANN], "assume_verified": True},
            user(ANN, email_verified=False),
            True,
            False,
            id="unverified-but-assumed",
        ),
        pytest.param({"editors": [ANN]}, {"is_logged_in": True, "email": ANN}, True, False, id="verification-unknown"),
        pytest.param(
            {"editors": [ANN], "assume_verified": True},
            {"is_logged_in": True, "email": ANN},
            True,
            True,
            id="verification-assumed",
        ),
        pytest.param(
            {"editors": [ANN, ""], "viewers": ["", "@"]}, {"is_logged_in": True}, False, False, id="empty-entries"
        ),
        pytest.param({"editors": [ANN], "read_only": True}, user(ANN), True, False, id="read-only"),
    ],
)
def test_roles_decide_who_may_see_and_change(roles, signed_in, may_see, may_change, secrets):
    secrets({"auth": AUTH, "roles": roles}, signed_in)
    visitor = access.visitor()
    assert (visitor.may_see, visitor.may_change) == (may_see, may_change)


def test_everyone_may_change_without_sign_in_unless_read_only(secrets, monkeypatch):
    secrets({})
    assert access.may_change()
    monkeypatch.setenv(access.READ_ONLY, "1")
    assert access.visitor() == access.Visitor("", may_see=True, may_change=False)


def test_roles_without_sign_in_are_an_error(secrets):
    secrets({"roles": {"editors": [ANN]}})
    with pytest.raises(RequestError, match=r"no \[auth\]"):
        access.visitor()


def test_unreadable_secrets_are_an_error(tmp_path, monkeypatch):
    from streamlit.runtime.secrets import Secrets

    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text("[auth\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(access.st, "secrets", Secrets())
    with pytest.raises(RequestError, match=r"secrets\.toml"):
        access.visitor()


@pytest.fixture
def open_as_viewer(monkeypatch, open_page):
    monkeypatch.setenv(access.READ_ONLY, "1")
    return open_page


@pytest.mark.parametrize("page", PAGES)
def test_viewer_sees_every_page_without_controls_that_make_changes(page, seeded, open_as_viewer):
    parameters = {"failures": {"example": 1, "files": "true"}, "runs": {"chosen": seeded.lora}}.get(page, {})
    app = open_as_viewer(page, run=seeded.lora, **parameters)
    assert "Read-only" in [caption.value for caption in app.caption]
    changing = (
        "Archive",
        "Delete",
        "Restore",
        "Save",
        "Overwrite",
        "Undo",
        "Delete annotation",
        "Annotate",
        "Keep",
        "Import",
        "Accept",
    )
    assert not [button.label for button in app.button if button.label.startswith(changing)]
    assert page == "try_it" or not (app.get("file_uploader") or app.text_area)


def test_viewer_reads_an_annotation_literally(hard, open_as_viewer):
    store, weak, _ = hard
    note = "<script>alert(1)</script> **b** [x](javascript:alert(1))"
    annotate(store, {HOSTILE[0]: {"note": note, "tag": "*a*, <b>b</b>"}})
    app = open_as_viewer("failures", run=weak, example=example_of(store, weak, HOSTILE[0]))
    assert f"Tags: *a*, <b>b</b>\nNote: {note}" in [element.value for element in app.text]


def test_viewer_cannot_write_through_the_data_layer(seeded, open_as_viewer):
    from dashboard import data

    before = queries.run(open_store(str(seeded.database)), seeded.lora)
    writes = (
        lambda: data.edit_run(seeded.lora, "mine", "", []),
        lambda: data.archive_runs([seeded.lora]),
        lambda: data.trash_runs([seeded.lora]),
        lambda: data.restore_runs([seeded.lora]),
        lambda: data.delete_runs([seeded.lora]),
        lambda: data.annotate({"text": {"tag": "mine"}}),
        lambda: data.save_view("runs", "mine", {}),
        lambda: data.delete_view("runs", "mine"),
    )
    for write in writes:
        with pytest.raises(RequestError, match="Read-only"):
            write()
    assert queries.run(open_store(str(seeded.database)), seeded.lora) == before


def test_viewer_cannot_undo(seeded, open_as_viewer):
    app = open_as_viewer("runs")
    app.session_state["moved"] = ("archived", [seeded.lora], "")
    app.run()
    assert "1 run archived." in page_text(app)
    assert "Undo" not in [button.label for button in app.button]
