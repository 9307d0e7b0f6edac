"""A PostgreSQL server of the tests' own: made from the system's programs in a moment, and gone at the end."""

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
    "The tests of the store need the programs of a PostgreSQL server, initdb and pg_ctl, on the PATH or in "
    "/usr/lib/postgresql. Install them, on Debian with: apt-get install postgresql"
)
_numbers = count(1)


@dataclass(frozen=True)
class Server:
    """A running server, reached by a socket in its own folder; ``programs``: where initdb and pg_ctl are."""

    folder: Path
    programs: Path

    def url(self, database: str, **changed: Any) -> str:
        """Return the address of a database, without the password: it is to come from the environment."""
        parts = {"username": USER, "database": database, "query": {"host": str(self.folder)}, **changed}
        return URL.create("postgresql+psycopg", **parts).render_as_string(hide_password=False)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = {**_QUICK, "listen_addresses": "''", "unix_socket_directories": str(self.folder)}
        told = " ".join(f"-c {name}={value}" for name, value in options.items())
        self._run("pg_ctl", "start", "-w", "-D", "data", "-l", "log", "-o", told)

    def stop(self) -> None:
        """Stop it as a machine that fails does: whoever is connected is cut off."""
        self._run("pg_ctl", "stop", "-w", "-D", "data", "-m", "immediate")

    def sql(self, statement: str) -> None:
        """Run a statement outside any transaction."""
        with psycopg.connect(
            host=str(self.folder), user=USER, password=PASSWORD, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """Make a database that is like another one, return its name, and take it away at the end."""
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
            stdout=subprocess.DEVNULL,  # not a pipe: the server would hold it open
            stderr=subprocess.STDOUT,
            **_somebody_else(),
        )
        log = self.folder / "log"
        assert done.returncode == 0, f"{program} failed. {log.read_text() if log.exists() else ''}"


def _somebody_else() -> dict[str, Any]:
    """Return the options that run a program as another user where we are root: PostgreSQL refuses to be root."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return {}
    import pwd

    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get("postgres") or known["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _programs() -> Path:
    found = shutil.which("pg_ctl")
    if found is not None and shutil.which("initdb"):
        return Path(found).parent
    installed = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    assert installed, _MISSING
    return max(installed, key=lambda path: [int(number) for number in re.findall(r"\d+", path.parent.name)])


@contextmanager
def server() -> Iterator[Server]:
    """Make a server in a folder of its own and start it; stop it and take the folder away at the end."""
    folder = Path(tempfile.mkdtemp(prefix="bench-pg-"))  # short: the path of a socket has 107 bytes at most
    made = Server(folder, _programs())
    try:
        (folder / "password").write_text(PASSWORD)
        other = _somebody_else()
        for path in (folder, folder / "password") if other else ():
            os.chown(path, other["user"], other["group"])
        ours = ("-A", "scram-sha-256", "-U", USER, "--pwfile", "password", "-E", "UTF8", "--no-locale", "-N")
        made._run("initdb", "-D", "data", *ours)
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder)
