"""Sign-in in a browser: what a signed-out user, a viewer, an editor and a stranger may do."""

import shutil

import pytest

from core.store import queries
from core.store.engine import open_store
from tests.e2e.browsing import needs_chromium, serve_dashboard
from tests.e2e.provider import CLIENT, SECRET, run_provider

pytestmark = needs_chromium

ANN, BOB, EVE = "ann@a.org", "bob@b.org", "eve@evil.org"
SECRETS = """
[auth]
redirect_uri = "http://localhost:{{port}}/oauth2callback"
cookie_secret = "a long and secret row of letters"
client_id = "{client}"
client_secret = "{secret}"
server_metadata_url = "{provider}/.well-known/openid-configuration"

[roles]
editors = ["ann@a.org"]
viewers = ["@b.org"]
"""


@pytest.fixture(scope="module")
def provider():
    with run_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def guarded(seeded, provider, tmp_path_factory):
    """A database and the URL of its dashboard, which requires sign-in."""
    folder = tmp_path_factory.mktemp("guarded") / "copy"
    shutil.copytree(seeded.database.parent, folder)
    (folder / ".streamlit").mkdir()
    secrets = SECRETS.format(client=CLIENT, secret=SECRET, provider=provider.address)
    (folder / ".streamlit" / "secrets.toml").write_text(secrets)
    with serve_dashboard(folder / "runs.db", folder) as address:
        yield folder / "runs.db", address


@pytest.fixture
def signed_in(guarded, provider, visit):
    def sign_in(address, *, title, **claims):
        provider.claims = {"email": address, "email_verified": True, **claims}
        visitor = visit(guarded[1])
        visitor.open()
        visitor.page.get_by_role("button", name="Sign in").click()
        visitor.page.get_by_role("button", name="Sign out").wait_for()
        visitor.settle(title)
        return visitor

    return sign_in


@pytest.mark.parametrize(
    "page",
    ["", "run?run=3", "compare?run=3&against=1", "failures?run=3", "data", "try"],
    ids=["runs", "run", "compare", "failures", "data", "try"],
)
def test_signed_out_browser_receives_nothing_of_the_database(page, guarded, visit):
    visitor, sent = visit(guarded[1]), []
    visitor.page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: sent.append(frame)))
    visitor.open(page)
    visitor.page.get_by_role("button", name="Sign in").wait_for()
    frames = b"".join(frame if isinstance(frame, bytes) else frame.encode() for frame in sent)
    assert b"Sign in to see the recorded runs" in frames
    for text in (b"lora", b"movie-reviews", b"tfidf", b"runs.db"):
        assert text not in frames
    assert visitor.page.locator('[data-testid="stTopNavLink"]').count() == 0


def test_viewer_sees_the_runs_and_cannot_change_them(guarded, seeded, signed_in):
    visitor = signed_in(BOB, title="Runs")
    visitor.page.get_by_text(f"Signed in as {BOB}").wait_for()
    visitor.open(f"?chosen={seeded.odd}")
    assert visitor.wait_for_text("1 selected: ")
    assert visitor.page.get_by_role("button", name="Archive").count() == 0
    visitor.open(f"failures?run={seeded.odd}&example=1")
    assert visitor.page.get_by_label("Note").count() == 0


def test_editor_can_make_changes(guarded, seeded, signed_in):
    visitor = signed_in(ANN, title="Runs")
    visitor.open(f"?chosen={seeded.odd}")
    visitor.page.get_by_role("button", name="Archive").click()
    assert visitor.wait_for_text("1 run archived.")
    assert queries.run(open_store(str(guarded[0])), seeded.odd).archived


@pytest.mark.parametrize(
    "claims", [{"email": EVE}, {"email": ANN, "email_verified": False}], ids=["stranger", "unverified"]
)
def test_stranger_is_refused(claims, signed_in):
    visitor = signed_in(claims["email"], title="Adapter Bench", **claims)
    assert visitor.wait_for_text("has no access to these runs")
    assert "lora" not in visitor.page.content()


def test_signing_out_hides_the_runs(guarded, signed_in):
    visitor = signed_in(BOB, title="Runs")
    visitor.page.get_by_role("button", name="Sign out").click()
    visitor.page.get_by_role("button", name="Sign in").wait_for()
    visitor.open("run?run=3")
    assert visitor.page.get_by_role("button", name="Sign in").is_visible()
    assert "lora" not in visitor.page.content()
