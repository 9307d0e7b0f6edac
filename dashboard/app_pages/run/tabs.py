"""The tabs of the Run page."""

from typing import Any

import streamlit as st

from core.catalog.figures import FIGURES, TRAINING_MACRO_F1
from core.catalog.training_summary import describe_training
from core.errors import RequestError
from core.report.environment import format_environment
from core.text.formatting import format_percent
from dashboard import data
from dashboard.app_pages.run import charts, controls, tables, text, view_data
from dashboard.app_pages.run.commands import show_reproduce_command
from dashboard.components import links, pickers, run_downloads, table_cells
from dashboard.components.chart_cache import show_chart
from dashboard.components.classes import MAX_CLASSES_SIDE_BY_SIDE, extremes_note, search_classes, select_extremes
from dashboard.components.confusion.controls import show_confusions
from dashboard.components.glossary import help_for
from dashboard.components.safe_text import show_code, show_text

LOG_LINES = 200
_LOG_PIXELS, _SHORT_LOG = 400, 10


def show_overview(run_id: int) -> None:
    """Show the scores of each class and the confusion matrix."""
    if len(data.labels(run_id)) <= MAX_CLASSES_SIDE_BY_SIDE:
        left, right = st.columns(2, gap="large")  # on a narrow screen the matrix is below the chart
    else:
        left, right = st.container(), st.container()
    with left:
        _show_classes(run_id)
    with right:
        _show_confusion_matrix(run_id)


def _show_classes(run_id: int) -> None:
    """Draw F1 of each class; the tables with all metrics are one click away."""
    st.subheader("Classes", help=f"{help_for('F1')} With 95% intervals.")
    classes = data.class_metrics(run_id)
    matching_classes = classes[classes["label"].isin(search_classes(data.labels(run_id)))]
    drawn = select_extremes(matching_classes, "f1")
    if len(drawn):
        show_chart(charts.class_scores(drawn))
    if note := extremes_note(len(drawn), matching_classes["f1"].count()):
        st.caption(note)
    with st.expander("Metrics"):
        tables.show_classes(matching_classes)
        tables.show_metrics(data.metrics(run_id))


def _show_confusion_matrix(run_id: int) -> None:
    """Show the confusion matrix; selecting a cell opens its examples."""
    show_confusions(run_id, lambda pair: st.session_state.update({"selected confusion": pair}))
    pair = st.session_state.pop("selected confusion", None)  # a callback cannot switch the page
    if pair:
        links.open_page("failures", run=run_id, true=pair[0], predicted=pair[1])


def show_training(run_id: int) -> None:
    """Show the learning curves."""
    if data.history(run_id).empty:
        st.info("No learning curve: this method has no epochs, or no value has been logged yet.")
        return
    window = controls.choose_window(view_data.logged_losses(run_id))
    best_epoch, best_epoch_scores = data.best_epoch(run_id), view_data.best_epoch_scores(run_id)
    scores = view_data.scores(run_id)
    if best_epoch_scores is not None:
        show_text(
            text.kept_epoch(best_epoch_scores),
            help="The weights of the best evaluation are kept: the one with the highest validation macro F1; with "
            "--epochs auto, of macro F1 minus a tenth of the loss. The error bar is its 95% interval. Others have "
            "none, because their predictions are not stored.",
        )
    for sentence in describe_training(data.run(run_id).environment):
        show_text(sentence)
    if (fit := data.training_macro_f1(run_id)) is not None:
        show_text(f"Training macro F1: {format_percent(fit)}.", help=FIGURES[TRAINING_MACRO_F1].help)
    left, right = st.columns(2, gap="large")
    with left:
        show_chart(charts.loss_curves(view_data.losses(run_id, window), best_epoch))
    if len(scores):
        with right:
            show_chart(charts.score_curve(scores, best_epoch, best_epoch_scores))


def show_calibration(run_id: int) -> None:
    """Show calibration on the test split, as trained and after temperature scaling."""
    temperature = data.temperature(run_id)
    if temperature is None:
        st.info("No temperature was fitted for this run.")
        return
    if not data.test_size(run_id):
        st.info("This run has no predictions on the test split.")
        return
    show_text(
        text.calibration(temperature, *view_data.miscalibration(run_id)),
        help="On the dashed line, accuracy equals confidence. Gray bars: 95% range of a perfectly calibrated run.",
    )
    for column, calibrated in zip(st.columns(2, gap="large"), (False, True), strict=True):
        with column:
            st.markdown("**After temperature scaling**" if calibrated else "**As trained**")
            bins = data.reliability(run_id, calibrated=calibrated)
            show_chart(charts.reliability(bins))
            show_chart(charts.bin_counts(bins))
    tables.show_calibration(view_data.calibration(run_id))


def show_threshold(run_id: int) -> None:
    """Show coverage and accuracy by confidence threshold, and let the user choose one."""
    curve = view_data.coverage(run_id)
    if data.temperature(run_id) is None or curve.empty:
        st.info("No threshold can be chosen: this run has no validation predictions or no fitted temperature.")
        return
    left, right = st.columns([3, 2], gap="large")
    with right:
        threshold = pickers.pick_threshold()
        for split in ("validation", "test"):
            show_text(text.selective_accuracy(split, view_data.coverage_at(run_id, split, threshold)))
        parameters = {"run": run_id, "threshold": round(threshold * 100)}
        links.page_link("try_it", "Try this threshold", ":material/play_arrow:", **parameters)
    with left:
        st.subheader("Accuracy by coverage", help="On the validation split, with 95% intervals.")
        show_chart(charts.coverage(curve, threshold))


def show_cost(run_id: int, baseline: int | None) -> None:
    """Show the cost of a run beside its baseline and, if it is quantized, the same run without quantization."""
    if baseline is not None:
        try:
            show_text(text.additional_cost(data.comparison(run_id, baseline)))
        except RequestError as error:
            show_text(error)
    unquantized = data.unquantized_run(run_id)
    if unquantized is not None:
        show_text(text.quantization_savings(data.run(run_id), data.run(unquantized)))
    costs = view_data.costs([other for other in (run_id, unquantized, baseline) if other is not None])
    if costs.empty:
        st.info("No costs are recorded: training is not complete.")
    else:
        tables.show_costs(costs)


def show_config(run_id: int) -> None:
    """Show the settings that differ from the defaults, then all, and the command that uses them."""
    settings = view_data.settings(run_id)
    columns = ["setting", "value", "default"]
    changed = settings.loc[settings["differs"], columns]
    if changed.empty:
        show_text("All settings have their default value.")
    else:
        table_cells.show_full_height_table(changed)
    with st.expander("All settings"):
        table_cells.show_full_height_table(settings[columns])
    if data.run(run_id).state in ("complete", "running"):
        show_reproduce_command(run_id)


def show_environment_and_log(run_id: int) -> None:
    """Show the environment of a run, its rechecks, log and model card."""
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Environment")
        table_cells.show_properties(format_environment(data.run(run_id).environment))
    with right:
        rechecks = data.rechecks(run_id)
        if not rechecks.empty:
            st.subheader("Rechecks")
            tables.show_rechecks(rechecks)
        _show_log(run_id)
        card = st.expander("Model card", icon=":material/article:", key="card", bind="query-params")
        if card.open:
            with card:
                show_code(data.model_card(run_id) or "No model card.", language="markdown")


def _show_log(run_id: int) -> None:
    """Show the end of the log when its expander is open."""
    expander = st.expander("Log", icon=":material/notes:", key="log", bind="query-params")
    if expander.open:
        log = data.log_lines(run_id, LOG_LINES)
        height: Any = _LOG_PIXELS if len(log) > _SHORT_LOG else "content"
        with expander:
            show_code(run_downloads.format_log(log) or "The log is empty.", height=height)
            st.caption(f"The last {LOG_LINES} lines. Actions has the complete log.")
