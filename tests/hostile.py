"""A database with malicious content in every field; fields that the store would reject are written with plain SQL."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy import update

from core.config import RunConfig
from core.data.splits import DataSet, Split
from core.evaluation.intervals import Estimate
from core.evaluation.metrics import evaluate
from core.models.baselines import MajorityClassifier
from core.store.datasets import save_dataset
from core.store.engine import Store, open_store
from core.store.recorder import recording
from core.store.records import content_hash
from core.store.run_edits import trash_runs
from core.store.run_writer import save_recheck
from core.store.schema import AnnotationRow, RunRow, now
from tests.seeded import SIZES

PAYLOAD = "window.hacked = 1"
MARKUP = (
    f"<script>{PAYLOAD}; fetch('http://evil.invalid/')</script>",
    f"<img src=x onerror=\"{PAYLOAD}\"><svg onload='{PAYLOAD}'></svg><iframe srcdoc='<script>1</script>'>",
    f"[click](javascript:{PAYLOAD}) ![picture](http://evil.invalid/a.png) <http://evil.invalid> [x]: //evil.invalid",
    "# Head\n\n| a | b |\n| - | - |\n\n```python\nx\n```\n---\n* one\n1. two",
    "$$\\href{javascript:window.hacked=1}{x}$$ \\(x^2\\) $\\htmlClass{a}{b}$",
    ":red[red] :material/home: :streamlit: :rainbow[x] :blue-badge[y] :smile: ~~gone~~ `code`",
    "&lt;b&gt; &amp; &#x202E; &nbsp;&copy; &#0;",
    "{{constructor.constructor('window.hacked=1')()}} ${window.hacked=1} #{7*7} <%= 7*7 %>",
)
COMMANDS = (
    "'; DROP TABLE runs; --",
    "\" OR 1=1; ATTACH DATABASE '/tmp/x' AS x; --",
    "../../../../etc/passwd",
    "..\\..\\windows\\system32\\cmd.exe C:\\x:y CON NUL",
    "/etc/passwd\x00.csv",
    "$(touch /tmp/hacked) `id` | sh; rm -rf / & %PATH%",
)
FORMULAS = (
    "=cmd|' /C calc'!A0",
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    '@SUM(1+1)*HYPERLINK("http://evil.invalid")',
    "\t=1+1",
    "\r=1+1",
    "fine;=1+1\n=2+2",
    "＝1+1",
)
INVISIBLE = (
    "\x1b[31mred\x1b[2J\x1b[1;1H\x1b]0;title\x07 \x1b[A\x9b31m",
    "\u202emoc.live\u202c \u2066a\u2069 \u2067b\u2069 \u202dc",
    "go\u200bod \ufeffx\u2060 \u00ad- \U000e0041\U000e0042",
    "".join(map(chr, range(1, 32))) + "\x7f\x80\x85\x9f",
    "zero\x00byte",
    "H" + "\u0301\u0316" * 60 + "i \u0c1c\u0c4d\u0c1e\u200c\u0c3e",
    "line\u2028and\u2029paragraph\x0b\x0c\x1c",
)
ODD = (
    "W" * 5_000,
    "שלום (עולם) 123 مرحبا 456 — 7",
    "👩‍👩‍👧🏴‍☠️🇩🇪 é e\u0301 ﷽ 𝕏",
    "datum['x'] a.b[0] a\\.b \"q\" {'x': 1}",
    "__proto__",
    "constructor",
    "null",
    "",
)
TEXTS = (*MARKUP, *COMMANDS, *FORMULAS, *INVISIBLE, *ODD[:-1])
LABELS = (MARKUP[0], FORMULAS[0], INVISIBLE[1], "a.b[0]['x'] ../.. שלום", MARKUP[5])
EXTRA = {
    "a.b[0]": "datum['x']",
    "datum['x']": 3,
    "label": INVISIBLE[0],
    "text": FORMULAS[1],
    MARKUP[1]: MARKUP[1],
    FORMULAS[0]: FORMULAS[0],
    INVISIBLE[1]: {"nested": [MARKUP[0], None]},
    "half": "half a character: \ud800",
    "__proto__": True,
    "": "no name",
}
SIZE = 60


@dataclass(frozen=True)
class HostileDatabase:
    """The database's path and the ids of its runs."""

    database: Path
    baseline: int
    adapter: int
    other: int
    failed: int
    crashed: int
    trashed: int


def make_hostile_database(folder: Path) -> HostileDatabase:
    """Record hostile runs on a hostile data set: a baseline, two adapters, and runs that ended early."""
    store = open_store(str(folder / "runs.db"), create=True)
    data = hostile_data()
    baseline = _record_run(store, data, RunConfig(method="majority", **SIZES), MARKUP[0], accuracy=0.4)
    adapter = _record_run(store, data, RunConfig(**SIZES), INVISIBLE[1] + MARKUP[2], accuracy=0.9)
    other = _record_run(store, data, RunConfig(**SIZES, r=4), FORMULAS[0] + INVISIBLE[0], accuracy=0.7)
    failed, crashed = (
        _record_unfinished(store, data, MARKUP[5]),
        _record_unfinished(store, data, COMMANDS[2], crashed=True),
    )
    trashed = _record_unfinished(store, data, ODD[1])
    trash_runs(store, [trashed])
    with store.write_session() as session:
        for run in (baseline, adapter, other):
            columns = {"notes": "\n".join(TEXTS), "tags": [text[:50] for text in TEXTS]}
            name = f"{TEXTS[run]} {INVISIBLE[run % 4]}"[:200]
            session.execute(update(RunRow).where(RunRow.id == run).values(name=name, **columns))
        for text in TEXTS:
            fields = {"tag": text[:6].strip() or "tag", "note": text[:9_000], "proposed_label": LABELS[0]}
            session.add(AnnotationRow(content_hash=content_hash(text), created_at=now(), **fields))
    return HostileDatabase(folder / "runs.db", baseline, adapter, other, failed, crashed, trashed)


def hostile_data() -> DataSet:
    """Return a data set with malicious names, columns, labels, texts and other values."""
    texts = [*TEXTS, *(f"Film {number} {TEXTS[number % len(TEXTS)][:300]}" for number in range(SIZE - len(TEXTS)))]
    codes = np.arange(SIZE) % len(LABELS)
    splits = {
        name: Split(tuple(f"{text} {name}" if name != "test" else text for text in texts), codes, (EXTRA,) * SIZE)
        for name in ("train", "validation", "test")
    }
    excluded_rows = {MARKUP[0]: 2, INVISIBLE[1]: 1}
    return DataSet(
        MARKUP[1], f"file:{COMMANDS[2]}", MARKUP[0], FORMULAS[0], INVISIBLE[1], LABELS, splits, excluded_rows
    )


def _environment() -> dict[str, object]:
    return {"python": MARKUP[0], "packages": {MARKUP[1]: FORMULAS[0], "torch": INVISIBLE[0]}, "git_commit": MARKUP[5]}


def _record_run(store: Store, data: DataSet, config: RunConfig, name: str, accuracy: float) -> int:
    rng = np.random.default_rng(int(accuracy * 10))
    with recording(store, config, name, _environment()) as run:
        dataset_id = save_dataset(store, data)
        run.update(dataset_id=dataset_id, model=MARKUP[1], model_revision=MARKUP[0])
        for split in ("test", "validation"):
            codes = data.splits[split].labels
            predicted = np.where(rng.random(len(codes)) < accuracy, codes, (codes + 1) % len(LABELS))
            probabilities = np.where(np.arange(len(LABELS)) == predicted[:, None], 0.8, 0.05).astype(np.float32)
            temperature = 1.5 if split == "test" else None
            evaluation = evaluate(codes, probabilities, data.labels, temperature=temperature)
            run.save_predictions(data, split, dataset_id, probabilities, evaluation)
        run.save_metrics("validation", {"temperature": Estimate(1.5), "best_epoch": Estimate(1.0)})
        run.log_history(1, 1.0, {"loss": 0.5, "validation_macro_f1": 0.5, MARKUP[0]: 1.0})
        for text in TEXTS:
            run.log_line(text)
        folder = store.folder / "adapters" / f"{run.id}-hostile"
        folder.mkdir(parents=True)
        MajorityClassifier(np.full(len(LABELS), 1 / len(LABELS))).save(folder)
        (folder / "README.md").write_text("\n\n".join(TEXTS), encoding="utf-8")
        run.update(adapter_path=f"adapters/{folder.name}", adapter_bytes=10, train_seconds=1.0)
    save_recheck(store, run.id, 1, 0.5, True, _environment())
    return run.id


def _record_unfinished(store: Store, data: DataSet, name: str, *, crashed: bool = False) -> int:
    with recording(store, RunConfig(**SIZES, dataset=COMMANDS[2]), name, _environment()) as run:
        run.update(dataset_id=save_dataset(store, data))
        run.enter_phase(MARKUP[0])
        run.log_line(INVISIBLE[0])
        raise ValueError("\n".join(TEXTS))
    if crashed:
        run.update(
            status="running",
            heartbeat_at=datetime(2026, 1, 1, tzinfo=UTC),
            host="elsewhere",
            error_type=None,
            error_message=None,
            traceback=None,
        )
    return run.id
