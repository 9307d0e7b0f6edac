"""Several people: signed out one sees nothing, a viewer changes nothing, a stranger is refused, an editor changes."""

import shutil

import pytest

from core.store import queries
from core.store.engine import open_store
from tests.e2e.browsing import needs_chromium, served
from tests.e2e.provider import CLIENT, SECRET, provided

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
    with provided() as provider:
        yield provider


@pytest.fixture(scope="module")
def guarded(record, provider, tmp_path_factory):
    """The dashboard of a copy of the record, behind sign-in: its database and its address."""
    folder = tmp_path_factory.mktemp("guarded") / "own"
    shutil.copytree(record.database.parent, folder)
    (folder / ".streamlit").mkdir()
    secrets = SECRETS.format(client=CLIENT, secret=SECRET, provider=provider.address)
    (folder / ".streamlit" / "secrets.toml").write_text(secrets)
    with served(folder / "runs.db", folder) as address:
        yield folder / "runs.db", address


@pytest.fixture
def signed_in(guarded, provider, visit):
    def as_(address, *, title, **claims):
        provider.due = {"email": address, "email_verified": True, **claims}
        visitor = visit(guarded[1])
        visitor.open()
        visitor.page.get_by_role("button", name="Sign in").click()
        visitor.page.get_by_role("button", name="Sign out").wait_for()
        visitor.settle(title)
        return visitor

    return as_


@pytest.mark.parametrize(
    "page",
    ["", "run?run=3", "compare?run=3&against=1", "failures?run=3", "data", "try"],
    ids=["runs", "run", "compare", "failures", "data", "try"],
)
def test_signed_out_nothing_of_the_record_is_sent(page, guarded, visit):
    visitor, sent = visit(guarded[1]), []
    visitor.page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: sent.append(frame)))
    visitor.open(page)
    visitor.page.get_by_role("button", name="Sign in").wait_for()
    frames = b"".join(frame if isinstance(frame, bytes) else frame.encode() for frame in sent)
    assert b"Sign in to see the recorded runs" in frames
    for told in (b"lora", b"movie-reviews", b"tfidf", b"runs.db"):
        assert told not in frames
    assert visitor.page.locator('[data-testid="stSidebarNavLink"]').count() == 0


def test_a_viewer_sees_and_changes_nothing(guarded, record, signed_in):
    visitor = signed_in(BOB, title="Runs")
    visitor.page.get_by_text(f"Signed in as {BOB}").wait_for()
    visitor.open(f"?chosen={record.odd}")
    assert visitor.shows("1 selected: ")
    assert visitor.page.get_by_role("button", name="Archive").count() == 0
    visitor.open(f"failures?run={record.odd}&example=1")
    assert visitor.page.get_by_label("Note").count() == 0


def test_an_editor_changes(guarded, record, signed_in):
    visitor = signed_in(ANN, title="Runs")
    visitor.open(f"?chosen={record.odd}")
    visitor.page.get_by_role("button", name="Archive").click()
    assert visitor.shows("1 run archived.")
    assert queries.run(open_store(str(guarded[0])), record.odd).archived


@pytest.mark.parametrize(
    "claims", [{"email": EVE}, {"email": ANN, "email_verified": False}], ids=["stranger", "unverified"]
)
def test_a_stranger_is_refused_with_words(claims, signed_in):
    visitor = signed_in(claims["email"], title="Adapter Bench", **claims)
    assert visitor.shows("has no access to these runs")
    assert "lora" not in visitor.page.content()


def test_signing_out_ends_it(guarded, signed_in):
    visitor = signed_in(BOB, title="Runs")
    visitor.page.get_by_role("button", name="Sign out").click()
    visitor.page.get_by_role("button", name="Sign in").wait_for()
    visitor.open("run?run=3")
    assert visitor.page.get_by_role("button", name="Sign in").is_visible()
    assert "lora" not in visitor.page.content()
