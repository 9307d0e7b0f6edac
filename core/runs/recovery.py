"""Merge runs back from fallback databases, and add the baseline link and the model card that need the database."""

from dataclasses import dataclass
from pathlib import Path

from core.catalog.figures import MACRO_F1_DIFFERENCE
from core.config import make_config
from core.errors import RequestError, StoreError
from core.models.backbone import Backbone, find_backbone
from core.runs.baseline_link import link_to_baseline
from core.serving.model_cards import model_card_of_run
from core.store import queries
from core.store.engine import Store
from core.store.fallback import discard_fallback, import_fallback, list_fallbacks
from core.store.records import Run
from core.store.run_writer import RunWriter
from core.system.files import write_atomically


@dataclass(frozen=True)
class RecoveryResult:
    """The ids of the runs that were merged back, and a message for each fallback database that was not."""

    run_ids: tuple[int, ...]
    errors: tuple[str, ...]


def recover(store: Store, folder: Path, backbone: Backbone | None = None) -> int:
    """Merge the run of a fallback database into the store, and return its id.

    ``backbone``: the run's, if it is resolved already. The fallback folder is deleted last, so an
    interrupted recovery can be repeated. Raises `RequestError` if the run cannot be merged yet.
    """
    run_id = import_fallback(store, folder)
    run = queries.run(store, run_id)
    if run.state == "complete" and run.kind != "baseline" and run.dataset_id is not None:
        if MACRO_F1_DIFFERENCE not in set(queries.metrics(store, [run_id])["name"]):
            writer, labels = RunWriter.reopen(store, run_id), queries.dataset(store, run.dataset_id).labels
            link_to_baseline(writer, run.dataset_id, labels, int(run.config["seed"]))
        _write_card(store, run, backbone)
    discard_fallback(folder)
    return run_id


def recover_all(store: Store) -> RecoveryResult:
    """Merge every fallback database that belongs to the store; collect the errors of those that cannot be merged.

    Raises `StoreError` if the store itself still cannot be used.
    """
    run_ids, errors = [], []
    for fallback in list_fallbacks(store):
        try:
            run_ids.append(recover(store, fallback.folder))
        except StoreError:
            raise
        except RequestError as error:
            errors.append(f"{fallback.folder}: {error}")
    return RecoveryResult(tuple(run_ids), tuple(errors))


def _write_card(store: Store, run: Run, backbone: Backbone | None) -> None:
    folder = run.adapter_folder(store.folder)
    if folder is None:
        return
    backbone = backbone or find_backbone(make_config(run.settings))
    card = model_card_of_run(store, run.id, backbone, folder=folder)
    try:
        write_atomically(folder / "README.md", card)
    except OSError as error:
        raise RequestError(
            f"The model card of run {run.id} cannot be written to {folder} ({error}). Make the folder writable, then "
            f"run: {store.format_command('db recover')}"
        ) from None
