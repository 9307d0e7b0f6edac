"""Save the files of a run, verify them, and only then record them."""

import shutil
from pathlib import Path

from safetensors import SafetensorError

from core.errors import RunError
from core.models.classifier import Classifier, SavedClassifier
from core.runs.job import Job
from core.serving.verification import RELOAD_TOLERANCE, VERIFICATION_EXAMPLES, reload_difference
from core.store.records import unused_adapter_folder
from core.store.run_writer import RunWriter
from core.system.files import CHECKSUM_PATTERNS, WEIGHT_PATTERN, compute_checksum, publish_atomically


def save_and_verify(run: RunWriter, job: Job, classifier: Classifier, card: str) -> None:
    """Save a classifier, load it again, and compare the logits of some test examples.

    The files are written to the run's work folder and published only after the comparison. If the database's
    folder cannot be written to, the run continues in a fallback database. Raises `RunError` if the logits differ.
    """
    try:
        _save_and_verify(run, job, classifier, card)
    except (OSError, SafetensorError) as error:
        run.switch_to_fallback(f"The files of run {run.id} cannot be written to {run.store.folder}: {error}.")
        _save_and_verify(run, job, classifier, card)


def _save_and_verify(run: RunWriter, job: Job, classifier: Classifier, card: str) -> None:
    folder = run.create_work_folder() / "adapter"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    classifier.save(folder)
    (folder / "README.md").write_text(card, encoding="utf-8")
    saved = SavedClassifier(job.config, job.data.labels, folder, job.backbone)
    difference = reload_difference(saved, classifier, job.data.test.texts[:VERIFICATION_EXAMPLES])
    run.update(reload_max_difference=difference)
    if not difference <= RELOAD_TOLERANCE:  # also if it is NaN
        raise RunError(
            f"The saved files do not reproduce the run: after loading them again, the logits differ by up to "
            f"{difference:.2g} (tolerance {RELOAD_TOLERANCE:g}). The files were discarded. Try another --method."
        )
    _publish(run, folder, unused_adapter_folder(run.store.folder, run.id, job.config.default_name()))


def _publish(run: RunWriter, folder: Path, target: Path) -> None:
    """Record the verified files and move them to their folder.

    The row is updated before the move, so that a crash in between leaves no orphaned folder.
    """
    run.update(
        adapter_path=target.relative_to(run.store.folder).as_posix(),
        adapter_bytes=sum(path.stat().st_size for path in folder.glob(WEIGHT_PATTERN)),
        adapter_sha256=compute_checksum(folder, *CHECKSUM_PATTERNS),
    )
    publish_atomically(folder, target)
