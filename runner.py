"""The command line: parse, call, print. Nothing else."""

import logging
import os
import sys
import traceback
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli.arguments import asked_values, parse
from core.errors import BenchError, RequestError, RunError
from core.system.files import parse_user_path
from core.text.redact import redact_secrets
from core.text.sanitize import escape_invisible, to_single_line

if TYPE_CHECKING:
    from core.store.engine import Store
    from core.store.records import Run

DONE, RUN_FAILED, WRONG_REQUEST, STOPPED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 a run failed, 2 the request was wrong."""
    # Idle OpenMP threads that spin make training up to 2.7 times as slow on a shared machine; torch
    # reads this once, when it is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Without it a GPU's matrix products may differ from one run to the next; read once as well.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # It warns, as soon as peft is imported, of a faster path on CPUs that needs another package.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    arguments = parse(list(sys.argv[1:] if argv is None else argv))
    try:
        return COMMANDS[arguments.command](arguments)
    except KeyboardInterrupt:
        print("runner.py: stopped.", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:  # a reader such as head has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        if arguments.debug:
            print(escape_invisible(redact_secrets(traceback.format_exc())), file=sys.stderr)
        known = isinstance(error, BenchError)
        text = str(error) if known else f"unexpected {type(error).__name__}: {error} (--debug shows where)"
        print(f"runner.py: {escape_invisible(redact_secrets(text))}", file=sys.stderr)
        return WRONG_REQUEST if known and not isinstance(error, RunError) else RUN_FAILED


# Each command imports what it needs: `--help` and a wrong flag answer before torch is read.


def run(arguments: Namespace) -> int:
    """Run baselines and fine-tunes, one after another, and report on them."""
    from core.search.grid import grid

    configs = grid(asked_values(arguments))
    print("Preparing …", file=sys.stderr, flush=True)
    from cli.progress import ConsoleProgress
    from core.runs.pipeline import prepare, run_jobs, with_baselines
    from core.store.engine import open_store, store_folder

    if not arguments.no_baselines:
        configs = with_baselines(configs)
    jobs = prepare(configs, store_folder(arguments.db))
    store = open_store(arguments.db, create=True)
    with ConsoleProgress() as progress:
        records = run_jobs(
            jobs,
            store,
            progress,
            name=arguments.name,
            rerun_baselines=arguments.rerun_baselines,
            seconds=arguments.checkpoint_every,
        )
    return _reported(arguments, store, records)


def _reported(arguments: Namespace, store: "Store", records: Sequence["Run"]) -> int:
    """Print what became of runs, and return the exit code."""
    from cli.output import print_report
    from core.store.fallback import is_recorded, list_fallbacks

    home = [record for record in records if is_recorded(store, record)]
    if home:
        print_report(store, [record.id for record in home])
    if arguments.debug:
        print(*(record.traceback for record in records if record.traceback), sep="\n", file=sys.stderr)
    aside = list_fallbacks(store)
    for one in aside:
        print(f"runner.py: A record is kept aside in {one.folder}. {one.reason}", file=sys.stderr)
    if aside:
        print(f"Nothing is lost: when that is mended, type {store.format_command('db recover')}", file=sys.stderr)
    return DONE if len(home) == len(records) and all(one.state == "complete" for one in home) else RUN_FAILED


def resume(arguments: Namespace) -> int:
    """Go on with a run that ended early."""
    print("Preparing …", file=sys.stderr, flush=True)
    from cli.progress import ConsoleProgress
    from core.runs.pipeline import prepare_resume, run_job
    from core.runs.recovery import recover_all

    store = _open(arguments)
    recover_all(store)  # its record, and its checkpoints, may be kept aside
    job = prepare_resume(
        store, arguments.run, auto_batch=arguments.auto_batch, trust_remote_code=arguments.trust_remote_code
    )
    with ConsoleProgress() as progress:
        progress.started(f"run {arguments.run}", job.config, 1, 1)
        record = run_job(job, store, progress, again=arguments.run, seconds=arguments.checkpoint_every)
        progress.ended(record, reused=False)
    return _reported(arguments, store, [record])


def list_(arguments: Namespace) -> int:
    """List the recorded runs."""
    from cli.output import print_groups, print_runs
    from core.store import queries

    printed = print_groups if arguments.groups else print_runs
    printed(queries.runs(_open(arguments)), as_json=arguments.json)
    return DONE


def show(arguments: Namespace) -> int:
    """Show one run."""
    from cli.output import print_run
    from core.store import queries

    store = _open(arguments)
    record = queries.run(store, arguments.run)
    metrics, classes = queries.metrics(store, [record.id]), queries.class_metrics(store, [record.id])
    print_run(store, record, metrics, classes, as_json=arguments.json)
    return DONE


def compare(arguments: Namespace) -> int:
    """Compare runs with the first one."""
    from cli.output import print_comparisons
    from core.report.verdicts import compare_configurations, compare_runs

    named = [arguments.first, *arguments.others]
    if len(set(named)) < len(named):
        twice = next(run for run in named if named.count(run) > 1)
        raise RequestError(f"Run {twice} is named twice. Name it once: no run can be compared with itself.")
    store, first = _open(arguments), arguments.first
    compared = [compare_runs(store, other, first, arguments.margin / 100) for other in arguments.others]
    over_seeds = [compare_configurations(store, other, first) for other in arguments.others]
    print_comparisons(compared, over_seeds, as_json=arguments.json)
    return DONE


def predict(arguments: Namespace) -> int:
    """Classify texts, or a file of them, with a recorded run."""
    from cli.output import print_predictions
    from cli.predicting import given_rows, write_rows

    store = _open(arguments)
    rows = given_rows(arguments, store)
    from core.serving.batch_predict import predict_texts
    from core.serving.inference import load_run

    loaded = load_run(store, arguments.run, trust_remote_code=arguments.trust_remote_code)
    if arguments.file or arguments.output:
        write_rows(loaded, rows, arguments)
        return DONE
    texts = rows.frame["text"].tolist()
    print_predictions(texts, loaded.labels, predict_texts(loaded, texts), as_json=arguments.json)
    return DONE


def merge(arguments: Namespace) -> int:
    """Write a run as a plain transformers model."""
    from core.serving.export import merge_run

    folder = parse_user_path("DIR", arguments.folder)
    merged = merge_run(_open(arguments), arguments.run, folder, trust_remote_code=arguments.trust_remote_code)
    proof = f"its logits differ by {merged.max_difference:.1g} at most, on {merged.examples} test texts"
    print(f"Run {arguments.run} is a plain transformers model in {merged.folder}: {proof}.")
    if merged.quantized:
        print(
            f"The run held its base in {merged.quantized[0]} bits, the merged weights are exact: its answers differ "
            "from the recorded ones by what quantising took away."
        )
    return DONE


def export(arguments: Namespace) -> int:
    """Write a folder that runs without this project."""
    from core.serving.export import export_run

    folder = parse_user_path("DIR", arguments.folder)
    export_run(_open(arguments), arguments.run, folder, trust_remote_code=arguments.trust_remote_code)
    print(f'Run {arguments.run} is in {arguments.folder}. Try: python {Path(arguments.folder) / "example.py"} "a text"')
    print("It takes the base model from the Hugging Face Hub, or from a folder: --base FOLDER.")
    return DONE


def recheck(arguments: Namespace) -> int:
    """Predict a run's test set again, and record what drifted."""
    from cli.output import print_recheck
    from core.serving.recheck import recheck_run

    print_recheck(
        recheck_run(_open(arguments), arguments.run, trust_remote_code=arguments.trust_remote_code),
        as_json=arguments.json,
    )
    return DONE


def delete(arguments: Namespace) -> int:
    """Delete a run, after asking."""
    from core.store import queries
    from core.store.run_edits import delete_run

    store = _open(arguments)
    record = queries.run(store, arguments.run)
    name = to_single_line(record.name)
    if not arguments.yes:
        if not sys.stdin.isatty():
            raise RequestError(f"Deleting run {record.id} ({name}) can't be undone. Say --yes to do it.")
        answer = input(f"Delete run {record.id} ({name}) with its predictions and files? [y/N] ")
        if answer.strip().lower() != "y":
            print("Nothing was deleted.")
            return DONE
    left = delete_run(store, record.id)
    print(f"Run {record.id} ({name}) is deleted.", *map(to_single_line, left), sep="\n")
    return DONE


def methods(arguments: Namespace) -> int:
    """List the methods, with what the probe found; or try them all again."""
    from cli.methods import print_methods
    from core.catalog.capabilities import PACKAGES, probed, write
    from core.system.environment import installed_versions

    if arguments.probe:
        from core.models.probe import probe

        write(probe(lambda name: print(f"  {name}", file=sys.stderr, flush=True)))
    print_methods(probed(), installed_versions(PACKAGES), as_json=arguments.json)
    return DONE


def db(arguments: Namespace) -> int:
    """Look after the database."""
    if arguments.action != "check" and (arguments.mend or arguments.json):
        raise RequestError("--mend and --json belong to: python runner.py db check")
    return {"upgrade": _upgrade, "check": _check, "recover": _recover}[arguments.action](arguments)


def _upgrade(arguments: Namespace) -> int:
    from core.store.engine import upgrade_store

    done = upgrade_store(arguments.db, backed_up=arguments.backed_up)
    if done.backup is not None:
        print(f"The database as it was (schema {done.found}) is kept in {done.backup}.")
    print(f"{done.store.address} is up to date.")
    return DONE


def _check(arguments: Namespace) -> int:
    from cli.checking import print_checked
    from core.store.integrity import check

    checked = check(arguments.db, fix=arguments.mend, backed_up=arguments.backed_up)
    print_checked(checked, as_json=arguments.json)
    return DONE if checked.sound else RUN_FAILED


def _recover(arguments: Namespace) -> int:
    from core.runs.recovery import recover_all

    done = recover_all(_open(arguments))
    if done.taken:
        print(f"Taken in: {', '.join(f'run {number}' for number in done.taken)}.")
    elif not done.left:
        print("No record of this database is kept aside.")
    for reason in done.left:
        print(f"Left where it is: {reason}", file=sys.stderr)
    return RUN_FAILED if done.left else DONE


def _open(arguments: Namespace) -> "Store":
    from core.store.engine import open_store

    return open_store(arguments.db)


COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "run": run,
    "list": list_,
    "show": show,
    "compare": compare,
    "predict": predict,
    "resume": resume,
    "merge": merge,
    "export": export,
    "recheck": recheck,
    "delete": delete,
    "methods": methods,
    "db": db,
}


if __name__ == "__main__":
    sys.exit(main())
