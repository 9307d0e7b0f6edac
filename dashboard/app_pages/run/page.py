"""All about one run."""

from typing import Any

import streamlit as st

from core.errors import RequestError
from core.text.formatting import format_duration, format_score
from dashboard import access, data, state
from dashboard.app_pages.run import charts, controls, tables
from dashboard.app_pages.run import text as words
from dashboard.app_pages.run import view_data as frames
from dashboard.components import active_runs as live
from dashboard.components import default_runs as choices
from dashboard.components import feedback, links, pickers
from dashboard.components import run_downloads as bundles
from dashboard.components import table_cells as cells
from dashboard.components.chart_cache import show_chart
from dashboard.components.confusion.charts import confusion_matrix
from dashboard.components.confusion.view_data import confusion, most_mistaken
from dashboard.components.glossary import help_for
from dashboard.components.safe_text import escape_markdown, show_code, show_text
from dashboard.components.text import baseline_verdict, describe_status, missing_baseline, shown_of

SIDE_BY_SIDE = 6  # up to so many classes the table and the matrix have room beside each other
LAST_LINES = 10  # so many lines of its log are told of a run that has no scores

st.title("Run")
feedback.stop_if_empty("This page will tell all about one run: its scores class by class, its curves, its settings.")
run_id = controls.pick_run()
run, row = data.run(run_id), data.run_row(run_id)
reference_baseline = choices.reference_baseline(run_id) if row.state == "complete" else None

st.caption(escape_markdown(words.kind_of(row)))


def show_what_people_said() -> None:
    """Show tags and note, and where the run lies if not among the others."""
    if run.tags:
        with st.container(horizontal=True, gap="small"):
            for tag in run.tags:
                st.markdown(f":gray-badge[:material/label: {escape_markdown(tag)}]")
    if run.notes:
        show_text(run.notes)
    if run.deleted_at is not None:
        st.warning(escape_markdown(words.trashed(run)), icon=":material/delete:")
        done = f"{data.run_label(run_id)} is back among the others."
        if access.may_change():
            st.button(
                "Bring it back", on_click=feedback.run_action, args=(data.restore_runs, [run_id]), kwargs={"done": done}
            )
    elif run.archived:
        st.caption("This run lies in the archive.")
    if data.is_folder_missing(run_id):
        st.warning(escape_markdown(words.files_gone(run)), icon=":material/folder_off:")


def show_headline() -> None:
    """Say whether it beats its baseline, then the four numbers that matter."""
    if reference_baseline is not None:
        with st.container(border=True):
            show_verdict(reference_baseline)
    elif run.kind != "baseline":
        show_text(missing_baseline(row))
    warning = data.training_warning(run_id)
    if warning:
        st.warning(escape_markdown(warning), icon=":material/warning:")
    metrics, worst = data.metrics(run_id), data.worst_class(run_id)
    known = metrics.reindex(["macro_f1", "accuracy"])
    numbers = (
        ("Macro F1", format_score(*known.loc["macro_f1"]), "macro F1"),
        ("Accuracy", format_score(*known.loc["accuracy"]), "accuracy"),
        (*words.worst_class(worst), "worst class"),
        ("Cost", format_duration(run.train_seconds), "cost"),
    )
    with st.container(horizontal=True):
        for label, value, name in numbers:
            st.metric(label, value, help=help_for(name), border=True, width=230 if len(value) < 20 else 420)
    if "macro_f1_without_leaks" in metrics.index:
        show_text(f"Macro F1 without leaked test examples: {format_score(*metrics.loc['macro_f1_without_leaks'])}.")


def show_verdict(baseline: int) -> None:
    """Say whether it beats a baseline, on its own and over its seeds."""
    try:
        st.markdown(f"**{escape_markdown(baseline_verdict(data.comparison(run_id, baseline)))}**")
        if run.kind != "baseline":
            st.markdown(escape_markdown(words.of_its_seeds(data.configuration_comparison(run_id, baseline))))
    except RequestError as error:
        st.markdown(escape_markdown(error))


def show_failure() -> None:
    """Say why the run has no scores, and what it told last."""
    st.warning(escape_markdown(describe_status(run)), icon=":material/warning:")
    log = data.log_lines(run_id)
    if row.state == "crashed":
        show_text(words.silence(run, is_resumable=data.can_resume(run_id)))
    if data.can_resume(run_id):
        st.markdown("**Go on with it**")
        show_code(data.resume_command(run_id), language="bash")
        st.caption(words.goes_on(data.run(run_id).method))
    if run.error_message:
        show_text(f"{run.error_type}:")
        show_code(run.error_message)
    if run.traceback:
        with st.expander("Traceback"):
            show_code(run.traceback, language="python", wrap_lines=False)
    if len(log):
        st.caption("The last lines of its log; all of it is among the downloads.")
        show_code(bundles.as_text(log.tail(LAST_LINES)))
    show_command()


@feedback.safe_fragment(run_every=live.REFRESH if row.state == "running" else None)
def show_progress() -> None:
    """Show how far the run is, again and again, until it ends."""
    now = data.run_row(run_id)
    if now.state != "running":
        st.rerun()
    if data.run(run_id).step:
        live.progress_bar(now)
    else:
        st.info(escape_markdown(describe_status(data.run(run_id))), icon=":material/hourglass_top:")


def show_classes() -> None:
    """Show how it does class by class, and which class it takes for which."""
    few = len(data.labels(run_id)) <= SIDE_BY_SIDE
    left, right = st.columns([3, 2], gap="large") if few else (st.container(), st.container())
    with left:
        show_table_of_classes()
    with right:
        show_confusion()


def show_table_of_classes() -> None:
    """Show the scores of each class, and the figures of all together that are not in the headline."""
    st.subheader("Class by class")
    known = data.class_metrics(run_id)
    tables.classes(known, worst_first=controls.worst_first(len(known)))
    st.caption("In percent, with 95 % intervals.")
    with st.expander("More figures"):
        tables.metrics(data.metrics(run_id))


def show_confusion() -> None:
    """Show which class it takes for which; a click on a cell opens the examples."""
    st.subheader("Confusion matrix")
    labels, counted = data.labels(run_id), confusion(run_id)
    drawn = most_mistaken(counted, labels)
    matrix = confusion_matrix(counted, drawn, selection="cell")
    show_chart(matrix, on_select="rerun", key="confusion")
    some = shown_of(len(drawn), len(labels), "classes", "that are mistaken most often")
    st.caption(f"{some}Colour: the share of the row. A click on a cell opens its examples.")
    cell = state.clicked_cell("confusion")
    if cell:
        links.open_page("failures", run=run_id, true=cell[0], predicted=cell[1])


@feedback.safe_fragment(run_every=live.REFRESH if row.state == "running" else None)
def show_training() -> None:
    """Show how the training went, where it was recorded."""
    if data.history(run_id).empty:
        st.info("No learning curve was logged: this method does not train, or the run ended before its first values.")
        return
    window, best, kept = (
        controls.choose_window(frames.logged_losses(run_id)),
        data.best_epoch(run_id),
        frames.kept(run_id),
    )
    if kept is not None:
        show_text(words.kept_epoch(kept))
    left, right = st.columns(2, gap="large")
    with left:
        show_chart(charts.loss_curves(frames.losses(run_id, window), best))
    if len(frames.scores(run_id)):
        with right:
            show_chart(charts.score_curve(frames.scores(run_id), best, kept))
    if row.state == "complete":
        st.caption(
            "The epoch with the best macro F1 on the validation examples is the one that was kept and measured. Its "
            "bar is the 95 % interval; of other epochs no predictions are stored, so theirs is not known."
        )


def show_calibration() -> None:
    """Show what its probabilities are worth, as trained and at the fitted temperature."""
    temperature = data.temperature(run_id)
    if temperature is None:
        st.info("This run has no temperature fitted on validation examples.")
        return
    if not data.test_size(run_id):
        st.info("This run has no predictions on test examples.")
        return
    show_text(words.calibration(temperature, *frames.miscalibration(run_id)))
    columns = st.columns(2, gap="large")
    for column, calibrated in zip(columns, (False, True), strict=True):
        with column:
            st.markdown("**At the fitted temperature**" if calibrated else "**As trained**")
            bins = data.reliability(run_id, calibrated=calibrated)
            show_chart(charts.reliability(bins))
            show_chart(charts.bin_counts(bins))
    st.caption(
        "Test examples by confidence: a point on the dashed line is right as often as it claims. "
        "Grey bars: where a perfectly calibrated run would lie, 95 times of 100."
    )
    tables.calibration(frames.calibration(run_id))


def show_abstaining() -> None:
    """Show what answering only when sure gives, and let the threshold be chosen, on the validation examples."""
    curve = frames.coverage(run_id)
    if data.temperature(run_id) is None or curve.empty:
        st.info("This run has no predictions on validation examples to choose a threshold by.")
        return
    left, right = st.columns([3, 2], gap="large")
    with right:
        threshold = pickers.pick_threshold()
        for split in ("validation", "test"):
            show_text(words.abstaining(split, frames.answered(run_id, split, threshold)))
        link = {"run": run_id, "threshold": round(threshold * 100)}
        links.page_link("try_it", "Try it with this threshold", ":material/play_arrow:", **link)
    with left:
        show_chart(charts.coverage(curve, threshold))
    left.caption("On the validation examples, with the 95 % interval. The test set is not for choosing.")


def show_cost() -> None:
    """Show what it cost, beside its best baseline and, where its base is quantised, the same without."""
    if reference_baseline is not None:
        show_price(reference_baseline)
    exact = data.unquantized_run(run_id)
    if exact is not None:
        show_text(words.memory_saved(run, data.run(exact)))
    costs = frames.costs([one for one in (run_id, exact, reference_baseline) if one is not None])
    if costs.empty:
        st.info("Nothing was measured: the run ended before its training did.")
    else:
        tables.costs(costs)


def show_price(baseline: int) -> None:
    """Say what its difference to a baseline took."""
    try:
        show_text(words.price(data.comparison(run_id, baseline)))
    except RequestError as error:
        show_text(str(error))


def show_settings() -> None:
    """Show what it was asked to do: what differs from the defaults first."""
    settings = frames.settings(run_id)
    changed = settings[settings["differs"]][["setting", "value", "default"]]
    if changed.empty:
        show_text("All as by default.")
    else:
        cells.show_static_table(changed)
    with st.expander("All settings"):
        cells.show_static_table(settings[["setting", "value", "default"]])
    if row.state in ("complete", "running"):
        show_command()


def show_command() -> None:
    """Show what to type to make the run again."""
    st.markdown("**Make it again**")
    show_code(frames.command(run_id), language="bash")


def show_record() -> None:
    """Show under what it took place, what it told, and what was checked later."""
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Environment")
        cells.show_properties(frames.environment(run_id))
    with right:
        rechecks = data.rechecks(run_id)
        if not rechecks.empty:
            st.subheader("Checked again")
            tables.rechecks(rechecks)
        show_log()
        card = st.expander("Model card", icon=":material/article:", key="card", bind="query-params")
        if card.open:
            with card:
                show_code(data.model_card(run_id) or "There is no model card.", language="markdown")


def show_log() -> None:
    """Show the last lines of the log, once they are asked for."""
    box = st.expander("Log", icon=":material/notes:", key="log", bind="query-params")
    if box.open:
        log = data.log_lines(run_id)
        height: Any = 400 if len(log) > LAST_LINES else "content"
        with box:
            show_code(bundles.as_text(log) or "Nothing was logged.", height=height)
        box.caption("The last 200 lines; the whole log is among the downloads.")


show_what_people_said()
if row.state == "complete":
    show_headline()
    parts = {"Classes": show_classes, "Training": show_training, "Calibration": show_calibration}
    parts |= {"Abstaining": show_abstaining, "Cost": show_cost}
else:
    if row.state == "running":
        show_progress()
    else:
        show_failure()
    parts = {"Training": show_training, "Cost": show_cost}
parts |= {"Settings": show_settings, "Record": show_record}

with st.container(horizontal=True, vertical_alignment="center"):
    if row.state == "complete":
        links.run_links(run_id, against=reference_baseline, on_run_page=True)
    bundles.downloads(run_id)

for tab, show_part in zip(controls.choose_part(list(parts)), parts.values(), strict=True):
    if tab.open:
        with tab:
            show_part()
