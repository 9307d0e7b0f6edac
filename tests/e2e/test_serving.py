"""The dashboard as a program on a network: who reaches it, and from where."""

import http.client

import psutil
import pytest

from tests.e2e.browsing import ROOT, started


@pytest.fixture(scope="module")
def elsewhere(record, tmp_path_factory):
    """The dashboard, started in a folder that is not the repository's: its process and its address."""
    with started(record.database, tmp_path_factory.mktemp("elsewhere")) as running:
        yield running


def test_it_listens_on_this_machine_alone_wherever_it_is_started(elsewhere):
    process, address = elsewhere
    found = [one for one in psutil.Process(process).net_connections("inet") if one.status == psutil.CONN_LISTEN]
    assert {one.laddr.port for one in found} == {int(address.rpartition(":")[2])}
    assert {one.laddr.ip for one in found} <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize(("origin", "status"), [("http://evil.invalid", 403), (None, 101)])
def test_a_page_of_another_site_can_not_talk_to_it(origin, status, elsewhere):
    _, address = elsewhere
    connection = http.client.HTTPConnection(address.removeprefix("http://"))
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    headers |= {"Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==", "Origin": origin or address}
    connection.request("GET", "/_stcore/stream", headers=headers)
    assert connection.getresponse().status == status
    connection.close()


def test_a_file_is_not_taken_from_another_site(elsewhere):
    _, address = elsewhere
    connection = http.client.HTTPConnection(address.removeprefix("http://"))
    connection.request("PUT", "/_stcore/upload_file/session/file", body=b"x", headers={"Origin": "http://evil.invalid"})
    assert connection.getresponse().status in (400, 403)
    connection.close()


@pytest.mark.parametrize("path", ["/../runs.db", "/..%2fruns.db", "/%2e%2e/runner.py", "/static/../../runs.db"])
def test_no_file_is_read_by_a_name_in_the_address(path, elsewhere):
    _, address = elsewhere
    connection = http.client.HTTPConnection(address.removeprefix("http://"))
    connection.request("GET", path)
    answer = connection.getresponse()
    content = answer.read()
    assert b"SQLite format" not in content and (ROOT / "runner.py").read_bytes()[:40] not in content
    connection.close()
