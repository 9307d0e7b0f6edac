"""A temporary PostgreSQL server for the tests, made from the installed programs."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL

USER, PASSWORD = "bench", "a-password-of-the-tests"
_QUICK = {"fsync": "off", "full_page_writes": "off", "max_connections": "300"}
_MISSING = (
    "The tests of the store need the PostgreSQL server programs initdb and pg_ctl on the PATH or in "
    "/usr/lib/postgresql. Install them; on Debian: apt-get install postgresql"
)
_numbers = count(1)


@dataclass(frozen=True)
class Server:
    """A running server, reachable by a socket in its folder; ``programs``: the folder of initdb and pg_ctl."""

    folder: Path
    programs: Path

    def url(self, database: str, **changes: Any) -> str:
        """Return the URL of a database, without the password, which comes from the environment."""
        parts = {"username": USER, "database": database, "query": {"host": str(self.folder)}, **changes}
        return URL.create("postgresql+psycopg", **parts).render_as_string(hide_password=False)

    def start(self) -> None:
        """Start the server, and wait until it accepts connections."""
        options = {**_QUICK, "listen_addresses": "''", "unix_socket_directories": str(self.folder)}
        arguments = " ".join(f"-c {name}={value}" for name, value in options.items())
        self._run("pg_ctl", "start", "-w", "-D", "data", "-l", "log", "-o", arguments)

    def stop(self) -> None:
        """Stop the server at once, as in a crash: connections are closed."""
        self._run("pg_ctl", "stop", "-w", "-D", "data", "-m", "immediate")

    def sql(self, statement: str) -> None:
        """Execute a statement outside a transaction."""
        with psycopg.connect(
            host=str(self.folder), user=USER, password=PASSWORD, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """Create a database from a template, yield its name, and drop it at the end."""
        name = f"bench_{next(_numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield name
        finally:
            self.sql(f"DROP DATABASE {name} WITH (FORCE)")

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.programs / program), *arguments],
            cwd=self.folder,
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # not a pipe: the server would keep it open
            stderr=subprocess.STDOUT,
            **_unprivileged_user(),
        )
        log = self.folder / "log"
        assert done.returncode == 0, f"{program} failed. {log.read_text() if log.exists() else ''}"


def _unprivileged_user() -> dict[str, Any]:
    """Return the options that run a program as an unprivileged user if this is root: PostgreSQL refuses root."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return {}
    import pwd

    users = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = users.get("postgres") or users["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _programs() -> Path:
    pg_ctl = shutil.which("pg_ctl")
    if pg_ctl is not None and shutil.which("initdb"):
        return Path(pg_ctl).parent
    installed = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    assert installed, _MISSING
    return max(installed, key=lambda path: [int(number) for number in re.findall(r"\d+", path.parent.name)])


@contextmanager
def server() -> Iterator[Server]:
    """Create and start a server in a temporary folder; stop it and delete the folder at the end."""
    folder = Path(tempfile.mkdtemp(prefix="bench-pg-"))  # short: a socket path has at most 107 bytes
    running = Server(folder, _programs())
    try:
        (folder / "password").write_text(PASSWORD)
        user = _unprivileged_user()
        for path in (folder, folder / "password") if user else ():
            os.chown(path, user["user"], user["group"])
        options = ("-A", "scram-sha-256", "-U", USER, "--pwfile", "password", "-E", "UTF8", "--no-locale", "-N")
        running._run("initdb", "-D", "data", *options)
        running.start()
        try:
            yield running
        finally:
            running.stop()
    finally:
        shutil.rmtree(folder)
