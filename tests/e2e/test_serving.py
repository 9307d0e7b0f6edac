"""The dashboard on the network: it listens locally, and refuses other sites and paths."""

import http.client

import psutil
import pytest

from tests.e2e.browsing import ROOT, start_dashboard


@pytest.fixture(scope="module")
def elsewhere(seeded, tmp_path_factory):
    """The process id and the URL of a dashboard that was started outside of the repository."""
    with start_dashboard(seeded.database, tmp_path_factory.mktemp("elsewhere")) as running:
        yield running


def test_dashboard_listens_on_this_machine_only(elsewhere):
    process, url = elsewhere
    connections = psutil.Process(process).net_connections("inet")
    addresses = [connection.laddr for connection in connections if connection.status == psutil.CONN_LISTEN]
    assert {address.port for address in addresses} == {int(url.rpartition(":")[2])}
    assert {address.ip for address in addresses} <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize(("origin", "status"), [("http://evil.invalid", 403), (None, 101)])
def test_websocket_refuses_another_site(origin, status, elsewhere):
    _, address = elsewhere
    connection = http.client.HTTPConnection(address.removeprefix("http://"))
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    headers |= {"Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==", "Origin": origin or address}
    connection.request("GET", "/_stcore/stream", headers=headers)
    assert connection.getresponse().status == status
    connection.close()


def test_upload_refuses_another_site(elsewhere):
    _, address = elsewhere
    connection = http.client.HTTPConnection(address.removeprefix("http://"))
    connection.request("PUT", "/_stcore/upload_file/session/file", body=b"x", headers={"Origin": "http://evil.invalid"})
    assert connection.getresponse().status in (400, 403)
    connection.close()


@pytest.mark.parametrize("path", ["/../runs.db", "/..%2fruns.db", "/%2e%2e/runner.py", "/static/../../runs.db"])
def test_no_file_is_served_by_its_path(path, elsewhere):
    _, address = elsewhere
    connection = http.client.HTTPConnection(address.removeprefix("http://"))
    connection.request("GET", path)
    answer = connection.getresponse()
    content = answer.read()
    assert b"SQLite format" not in content and (ROOT / "runner.py").read_bytes()[:40] not in content
    connection.close()
