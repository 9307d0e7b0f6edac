"""The content of a report: the verdict first, then the evidence, then the details of each run."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib.metadata import version

from core.report.document import DEFAULT_FAILURES, data_sections, run_sections, score_sections, verdict_sections
from core.report.document.blocks import Block, Document, Facts, Grid, Section, Table
from core.report.document.selection import Selection, select_runs
from core.store.engine import Store
from core.text.formatting import format_count, format_time


def build_document(store: Store, run_ids: Sequence[int], failures: int, created_at: datetime) -> Document:
    """Return a report on runs, see `core.report.document.render_report`."""
    selection = select_runs(store, run_ids)
    sections = [
        verdict_sections.show_verdicts(selection),
        verdict_sections.show_pairs(selection),
        score_sections.show_scores(selection),
        score_sections.show_classes(selection),
        score_sections.show_confusions(selection),
        data_sections.show_failures(selection, failures),
        score_sections.show_learning_curves(selection),
        data_sections.show_data(selection),
        run_sections.show_settings(selection),
        run_sections.show_runs(selection),
    ]
    shown = tuple(section for section in sections if section and section.blocks)
    return Document(
        title=selection.datasets[0].name,
        facts=_facts(selection, created_at),
        sections=(*shown, _explain_terms(shown)),
        command=store.format_command(_report_arguments(run_ids, failures)),
    )


def _report_arguments(run_ids: Sequence[int], failures: int) -> str:
    """Return the arguments that reproduce the report, without those at their default."""
    option = "" if failures == DEFAULT_FAILURES else f" --failures {failures}"
    return f"report {' '.join(map(str, run_ids))}{option}"


def _facts(selection: Selection, created_at: datetime) -> tuple[str, ...]:
    return (
        _number(selection.test_size, "test example"),
        _number(len(selection.labels), "label"),
        _number(len(selection.runs), "run"),
        format_time(created_at),
        f"Adapter Bench {version('adapter-bench')}",
    )


def _number(number: int, noun: str) -> str:
    return f"{format_count(number)} {noun}{'' if number == 1 else 's'}"


def _explain_terms(sections: Sequence[Section]) -> Section:
    """Return the explanations of the columns of all tables."""
    terms = {column.title: column.help for table in _tables(sections) for column in table.columns if column.help}
    return Section("Terms", (Facts(tuple(sorted(terms.items(), key=lambda term: term[0].casefold()))),), is_folded=True)


def _tables(blocks: Sequence[Block]) -> Iterator[Table]:
    for block in blocks:
        if isinstance(block, Table):
            yield block
        elif isinstance(block, Grid | Section):
            yield from _tables(block.blocks)
