"""Import the runs, files, data sets, annotations and saved views of another database."""

import os

from sqlalchemy import URL

from core.errors import RequestError
from core.store.engine import Store, open_store, resolve_url
from core.store.fallback.location import database_name
from core.store.import_db.annotations import import_annotations
from core.store.import_db.result import ImportProblem, ImportResult
from core.store.import_db.runs import RunImporter
from core.store.import_db.views import import_views
from core.store.integrity import find_unreadable

__all__ = ["ImportProblem", "ImportResult", "import_database"]


def import_database(store: Store, address: str) -> ImportResult:
    """Import the runs, annotations and saved views of another database that this one does not contain.

    A run that is already here, from an earlier import or because one database is a copy, is skipped. Each run
    is imported with its files in one transaction; an interrupted import can be repeated. Nothing here is
    overwritten: runs and folders get unused ids and names, and existing annotations and views are kept.

    Raises `RequestError` if the other database is this one, is damaged, or has another schema.
    """
    source = _open_source(store, address)
    try:
        importer = RunImporter(store, source)
        importer.import_all()
        annotations, conflicts = import_annotations(store, source)
        views, view_conflicts = import_views(store, source)
        problems = (*importer.problems, *conflicts, *view_conflicts)
        return ImportResult(importer.imported, importer.already_present, annotations, views, problems)
    finally:
        source.engine.dispose()


def _open_source(store: Store, address: str) -> Store:
    url = resolve_url(address)
    if _is_same_file(store.engine.url, url):
        raise RequestError(f"{store.address} cannot be imported into itself.", code="same_database")
    source = open_store(address)
    try:
        if database_name(source) == database_name(store):
            raise RequestError(f"{store.address} cannot be imported into itself.", code="same_database")
        faults = find_unreadable(source)
        if faults:
            more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            raise RequestError(
                f"{source.address} is damaged: {faults[0].where}: {faults[0].what}{more} "
                f"Check it first: {source.format_command('db check')}",
                code="damaged_source",
            )
    except BaseException:
        source.engine.dispose()
        raise
    return source


def _is_same_file(first: URL, second: URL) -> bool:
    if {first.get_backend_name(), second.get_backend_name()} != {"sqlite"}:
        return False
    paths = [url.database or "" for url in (first, second)]
    return all(map(os.path.exists, paths)) and os.path.samefile(*paths)
