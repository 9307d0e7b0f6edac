"""A record that means harm: whatever a stranger can write into it; past the store's own functions where they refuse."""

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

RUNS_CODE = "window.hacked = 1"
MARKUP = (
    f"<script>{RUNS_CODE}; fetch('http://evil.invalid/')</script>",
    f"<img src=x onerror=\"{RUNS_CODE}\"><svg onload='{RUNS_CODE}'></svg><iframe srcdoc='<script>1</script>'>",
    f"[click](javascript:{RUNS_CODE}) ![picture](http://evil.invalid/a.png) <http://evil.invalid> [x]: //evil.invalid",
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
class Hostile:
    """The database and its runs' numbers."""

    database: Path
    baseline: int
    adapter: int
    other: int
    failed: int
    crashed: int
    trashed: int


def record_hostile(folder: Path) -> Hostile:
    """Record hostile runs on a hostile data set: a baseline, two adapters, and runs that ended early."""
    store = open_store(str(folder / "runs.db"), create=True)
    data = hostile_data()
    baseline = _run(store, data, RunConfig(method="majority", **SIZES), MARKUP[0], right=0.4)
    adapter = _run(store, data, RunConfig(**SIZES), INVISIBLE[1] + MARKUP[2], right=0.9)
    other = _run(store, data, RunConfig(**SIZES, r=4), FORMULAS[0] + INVISIBLE[0], right=0.7)
    failed, crashed = _ended(store, data, MARKUP[5]), _ended(store, data, COMMANDS[2], crashed=True)
    trashed = _ended(store, data, ODD[1])
    trash_runs(store, [trashed])
    with store.write_session() as session:
        for run in (baseline, adapter, other):
            said = {"notes": "\n".join(TEXTS), "tags": [text[:50] for text in TEXTS]}
            named = update(RunRow).where(RunRow.id == run)
            session.execute(named.values(name=f"{TEXTS[run]} {INVISIBLE[run % 4]}"[:200], **said))
        for text in TEXTS:
            noted = {"tag": text[:6].strip() or "tag", "note": text[:9_000], "proposed_label": LABELS[0]}
            session.add(AnnotationRow(content_hash=content_hash(text), created_at=now(), **noted))
    return Hostile(folder / "runs.db", baseline, adapter, other, failed, crashed, trashed)


def hostile_data() -> DataSet:
    """Return a data set whose name, columns, labels, texts and other values all mean harm."""
    texts = [*TEXTS, *(f"Film {place} {TEXTS[place % len(TEXTS)][:300]}" for place in range(SIZE - len(TEXTS)))]
    codes = np.arange(SIZE) % len(LABELS)
    splits = {
        name: Split(tuple(f"{text} {name}" if name != "test" else text for text in texts), codes, (EXTRA,) * SIZE)
        for name in ("train", "validation", "test")
    }
    left_out = {MARKUP[0]: 2, INVISIBLE[1]: 1}
    return DataSet(MARKUP[1], f"file:{COMMANDS[2]}", MARKUP[0], FORMULAS[0], INVISIBLE[1], LABELS, splits, left_out)


def _environment() -> dict[str, object]:
    return {"python": MARKUP[0], "packages": {MARKUP[1]: FORMULAS[0], "torch": INVISIBLE[0]}, "git_commit": MARKUP[5]}


def _run(store: Store, data: DataSet, config: RunConfig, name: str, right: float) -> int:
    rng = np.random.default_rng(int(right * 10))
    with recording(store, config, name, _environment()) as run:
        dataset_id = save_dataset(store, data)
        run.update(dataset_id=dataset_id, model=MARKUP[1], model_revision=MARKUP[0])
        for split in ("test", "validation"):
            codes = data.splits[split].labels
            said = np.where(rng.random(len(codes)) < right, codes, (codes + 1) % len(LABELS))
            shares = np.where(np.arange(len(LABELS)) == said[:, None], 0.8, 0.05).astype(np.float32)
            temperature = 1.5 if split == "test" else None
            evaluation = evaluate(codes, shares, data.labels, temperature=temperature)
            run.save_predictions(data, split, dataset_id, shares, evaluation)
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


def _ended(store: Store, data: DataSet, name: str, *, crashed: bool = False) -> int:
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
