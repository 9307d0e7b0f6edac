"""Who sees and who changes: what the roles say, and that the door holds whatever is drawn."""

import pytest

from core.errors import RequestError
from core.store import queries
from core.store.engine import open_store
from dashboard import access
from tests.dashboard.reading import PAGES, page_text

AUTH = {"client_id": "bench", "redirect_uri": "http://localhost/oauth2callback", "cookie_secret": "x" * 32}
ANN, BOB = "ann@a.org", "bob@b.org"


def user(address, **more):
    return {"is_logged_in": True, "email": address, "email_verified": True, **more}


@pytest.fixture
def secrets(monkeypatch):
    """Set what stands in secrets.toml, and who is signed in."""

    def stand(secrets, who=None):
        class Secrets:
            def to_dict(self):
                return secrets

        monkeypatch.setattr(access.st, "secrets", Secrets())
        monkeypatch.setattr(access.st, "user", who or {})

    return stand


@pytest.mark.parametrize(
    ("roles", "who", "sees", "changes"),
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
def test_roles(roles, who, sees, changes, secrets):
    secrets({"auth": AUTH, "roles": roles}, who)
    found = access.visitor()
    assert (found.sees, found.changes) == (sees, changes)


def test_without_sign_in_whoever_reaches_the_page_may_change(secrets, monkeypatch):
    secrets({})
    assert access.may_change()
    monkeypatch.setenv(access.READ_ONLY, "1")
    assert access.visitor() == access.Visitor("", sees=True, changes=False)


def test_roles_without_sign_in_are_refused_rather_than_passed_over(secrets):
    secrets({"roles": {"editors": [ANN]}})
    with pytest.raises(RequestError, match=r"no \[auth\]"):
        access.visitor()


def test_secrets_that_cannot_be_read_let_nobody_in(tmp_path, monkeypatch):
    from streamlit.runtime.secrets import Secrets

    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text("[auth\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(access.st, "secrets", Secrets())
    with pytest.raises(RequestError, match=r"secrets\.toml can't be read"):
        access.visitor()


@pytest.fixture
def as_viewer(monkeypatch, open_page):
    monkeypatch.setenv(access.READ_ONLY, "1")
    return open_page


@pytest.mark.parametrize("page", PAGES)
def test_a_viewer_sees_every_page_and_no_control_that_changes(page, seeded, as_viewer):
    address = {"failures": {"example": 1, "files": "true"}, "runs": {"chosen": seeded.lora}}.get(page, {})
    app = as_viewer(page, run=seeded.lora, **address)
    assert "nothing is changed from here" in "".join(one.value for one in app.sidebar.caption)
    changing = ("Archive", "Delete", "Restore", "Save", "Take back", "Undo", "Bring it back", "Propose", "Keep these")
    assert not [one.label for one in app.button if one.label.startswith(changing)]
    assert page == "try_it" or not (app.get("file_uploader") or app.text_area)


def test_the_door_refuses_a_viewer_whatever_the_screen_draws(seeded, as_viewer):
    from dashboard import data

    before = queries.run(open_store(str(seeded.database)), seeded.lora)
    doors = (
        lambda: data.edit_run(seeded.lora, "mine", "", []),
        lambda: data.archive_runs([seeded.lora]),
        lambda: data.trash_runs([seeded.lora]),
        lambda: data.restore_runs([seeded.lora]),
        lambda: data.delete_runs([seeded.lora]),
        lambda: data.annotate({"text": {"tag": "mine"}}),
    )
    for door in doors:
        with pytest.raises(RequestError, match="change nothing"):
            door()
    assert queries.run(open_store(str(seeded.database)), seeded.lora) == before


def test_a_viewer_has_no_undo_of_what_an_editor_did(seeded, as_viewer):
    app = as_viewer("runs")
    app.session_state["moved"] = ("in the trash", [seeded.lora])
    app.run()
    assert "Undo" not in [one.label for one in app.button]
    assert "1 run is in the trash." in page_text(app)
