"""Import runs with their files, one transaction each."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.store.engine import Store
from core.store.import_db.identity import RunIdentity, RunReference, load_identities
from core.store.import_db.result import ImportProblem
from core.store.records import derive_state, resolve_adapter_path
from core.store.run_copy import (
    choose_adapter_path,
    choose_work_path,
    column_values,
    copy_dataset,
    copy_rechecks,
    copy_run_rows,
)
from core.store.schema import RunRow
from core.system.files import matches_checksum, publish_atomically

_ASSIGNED_COLUMNS = {"id", "baseline_id", "parent_id", "dataset_id", "adapter_path", "work_path", "changed_at"}
"""Columns of a run that are not copied but assigned by this database."""


class RunImporter:
    """Imports runs one by one and maps their ids in the source to those here."""

    def __init__(self, store: Store, source: Store) -> None:
        self.store, self.source = store, source
        self.imported: dict[int, int] = {}
        self.already_present: dict[int, int] = {}
        self.problems: list[ImportProblem] = []
        self._present: dict[RunIdentity, list[RunReference]] = {}
        self._newest_present_id = 0

    def import_all(self) -> None:
        """Import all runs that are not present, each after its baseline."""
        with self.source.read_session() as reading:
            identities = {stored.run_id: (identity, stored) for identity, stored in load_identities(reading)}
            links = dict(reading.execute(select(RunRow.id, RunRow.baseline_id)).all())
        with self.store.read_session() as session:
            self._load_present(session)
        for run_id in _baselines_first(links):
            self._import_run(run_id, *identities[run_id])

    def _load_present(self, session: Session) -> None:
        """Load the identities of the runs that were recorded here since the last call."""
        for identity, stored in load_identities(session, self._newest_present_id):
            self._present.setdefault(identity, []).append(stored)
            self._newest_present_id = stored.run_id

    def _find_present(self, identity: RunIdentity, source_run: RunReference) -> RunReference | None:
        candidates = self._present.get(identity, [])
        return next((stored for stored in candidates if stored.may_be_same_run(source_run)), None)

    def _import_run(self, run_id: int, identity: RunIdentity, source_run: RunReference) -> None:
        present = self._find_present(identity, source_run)
        if present is not None:
            self._skip(source_run, present)
            return
        with self.source.read_session() as reading:
            row = reading.get_one(RunRow, run_id)
            if derive_state(row.status, row.heartbeat_at, row.host, row.pid) == "running":
                self._report("running", run_id, "it is still running. Import it again when it has ended.")
                return
            try:
                with self._staged_folders(row) as folders:
                    present = self._insert(reading, row, identity, source_run, folders)
            except OSError as error:
                self._report("not_copied", run_id, f"it was not imported: its files cannot be copied ({error}).")
                return
        if present is not None:
            self._skip(source_run, present)

    def _skip(self, source_run: RunReference, present: RunReference) -> None:
        self.already_present[source_run.run_id] = present.run_id
        if source_run.status != present.status:
            self._report(
                "changed_since",
                source_run.run_id,
                f"it is {source_run.status} there; run {present.run_id} here is {present.status} and was not changed.",
            )

    def _report(self, kind: str, run_id: int, message: str) -> None:
        self.problems.append(ImportProblem(kind, f"run {run_id}", message))

    @contextmanager
    def _staged_folders(self, row: RunRow) -> Iterator[dict[str, Path]]:
        """Copy a run's folders to a temporary folder among the adapters; yield the copies by column."""
        sources = self._existing_folders(row)
        if not sources:
            yield {}
            return
        adapters = self.store.folder / "adapters"
        adapters.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=adapters, prefix=".importing-") as staging:
            copies = {name: Path(shutil.copytree(folder, Path(staging) / name)) for name, folder in sources.items()}
            adapter = copies.get("adapter_path")
            if adapter is not None and not matches_checksum(adapter, row.adapter_sha256):
                self._report("changed_files", row.id, "its files do not match the recorded checksum (SHA-256).")
            yield copies

    def _existing_folders(self, row: RunRow) -> dict[str, Path]:
        """Return the run's folders that can be copied, by column; report the others."""
        folders = {}
        for column in ("adapter_path", "work_path"):
            path = getattr(row, column)
            folder = resolve_adapter_path(self.source.folder, path)
            if folder is not None and folder.is_dir():
                if any(file.is_symlink() for file in folder.rglob("*")):
                    self._report(
                        "linked_files", row.id, f"its folder {path} contains symbolic links and was not copied."
                    )
                else:
                    folders[column] = folder
            elif path is not None:
                self._report("missing_files", row.id, f"its folder {path} is not in {self.source.folder}.")
        return folders

    def _insert(
        self,
        reading: Session,
        source_row: RunRow,
        identity: RunIdentity,
        source_run: RunReference,
        folders: Mapping[str, Path],
    ) -> RunReference | None:
        """Insert a run with its rows and publish its folders, unless it is present; return the present run or None."""
        published: list[Path] = []
        try:
            with self.store.write_session() as session:
                self._load_present(session)  # under the write lock: another process may have imported the run
                present = self._find_present(identity, source_run)
                if present is not None:
                    return present
                row = RunRow(**column_values(source_row, without=_ASSIGNED_COLUMNS))
                row.dataset_id = copy_dataset(session, reading, source_row.dataset_id)
                row.baseline_id = self._translate_link(source_row, "baseline")
                row.parent_id = self._translate_link(source_row, "parent")
                session.add(row)
                session.flush()
                copy_run_rows(session, reading, source_row.id, row)
                copy_rechecks(session, reading, source_row.id, row.id)
                for column, path in self._choose_paths(source_row, row.id, folders).items():
                    setattr(row, column, path)
                    published.append(self.store.folder / path)
                    publish_atomically(folders[column], published[-1])
                run_id = row.id
        except BaseException:
            for folder in published:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        self.imported[source_row.id] = run_id
        return None

    def _translate_link(self, source_row: RunRow, name: Literal["baseline", "parent"]) -> int | None:
        """Return the id that a run's baseline or parent has here; report one that was not imported."""
        source_id = getattr(source_row, f"{name}_id")
        if source_id is None:
            return None
        run_id = (self.imported | self.already_present).get(source_id)
        if run_id is None:
            message = f"its {name}, run {source_id}, was not imported; the link is removed."
            self._report(f"missing_{name}", source_row.id, message)
        return run_id

    def _choose_paths(self, source_row: RunRow, run_id: int, folders: Mapping[str, Path]) -> dict[str, str]:
        paths = {}
        if "adapter_path" in folders:
            paths["adapter_path"] = choose_adapter_path(self.store.folder, run_id, str(source_row.adapter_path))
        if "work_path" in folders:
            paths["work_path"] = choose_work_path(run_id, str(source_row.work_path))
        return paths


def _baselines_first(links: Mapping[int, int | None]) -> Sequence[int]:
    """Return run ids in order, each after the baseline that it is linked to."""
    ordered: dict[int, None] = {}
    for run_id, baseline_id in sorted(links.items()):
        if baseline_id is not None and baseline_id in links:
            ordered.setdefault(baseline_id)
        ordered.setdefault(run_id)
    return list(ordered)
