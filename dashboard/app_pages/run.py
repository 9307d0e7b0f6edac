"""All about one run."""

import streamlit as st

from core.formatting import class_score, count, duration, megabytes, number, parameters, score
from dashboard import choices, data, state, words
from dashboard.charts import run as charts
from dashboard.charts.confusion import confusion_matrix
from dashboard.frames import run as frames
from dashboard.frames.confusion import confusion
from dashboard.glossary import help_for
from dashboard.tables import cells
from dashboard.tables import run as tables

st.title("Run")
state.explain_if_empty("This page will tell all about one run: its scores class by class, its curves, its settings.")
runs = data.runs(state.test_set())
run_id = state.pick_run("Run", runs, choices.best_run(state.test_set()))
run, row = data.run(run_id), data.row(run_id)

st.caption(words.plain(f"{row.kind} · {row.title} · {row.model} · {row.state}. {row.note}"))


def show_failure() -> None:
    """Say why the run has no scores."""
    st.warning(words.plain(words.failure_of(run)), icon=":material/warning:")
    if run.error_message:
        st.text(f"{run.error_type}:")
        st.code(run.error_message, language=None, wrap_lines=True)
    if run.traceback:
        with st.expander("Traceback"):
            st.code(run.traceback, language="python")


def show_headline() -> None:
    """Say whether it beats its baseline, then the four numbers that matter."""
    rival = choices.rival(run_id)
    if rival is not None:
        with st.container(border=True):
            st.markdown(f"**{words.plain(words.against_baseline(data.comparison(run_id, rival)))}**")
    warning = data.training_warning(run_id)
    if warning:
        st.warning(words.plain(warning), icon=":material/warning:")
    metrics, worst = data.metrics(run_id), data.worst_class(run_id)
    worst_f1 = class_score(worst.f1, worst.f1_low, worst.f1_high, worst.support)
    numbers = (
        ("Macro F1", score(*metrics.loc["macro_f1"]), "macro F1"),
        ("Accuracy", score(*metrics.loc["accuracy"]), "accuracy"),
        (f"Worst class: {words.plain(worst.label)}", worst_f1, "worst class"),
        ("Cost", duration(run.train_seconds), "cost"),
    )
    with st.container(horizontal=True):
        for label, value, name in numbers:
            st.metric(label, value, help=help_for(name), border=True, width=230 if len(value) < 20 else 420)
    if "macro_f1_without_leaks" in metrics.index:
        st.text(f"Macro F1 without leaked test examples: {score(*metrics.loc['macro_f1_without_leaks'])}.")
    state.links_of(run_id, against=rival, here=True)


def show_classes() -> None:
    """Show how it does class by class."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("Class by class")
        tables.classes(data.class_metrics(run_id))
        st.caption("In percent, with 95 % intervals.")
        with st.expander("More figures"):
            tables.metrics(
                data.metrics(run_id),
                {
                    "balanced_accuracy": ("balanced accuracy", score),
                    "mcc": ("Matthews correlation", number),
                    "log_loss": ("log loss", number),
                    "brier": ("Brier score", number),
                },
            )
    with right:
        st.subheader("Confusion matrix")
        matrix = confusion_matrix(confusion(run_id), data.labels(run_id), selection="cell")
        st.altair_chart(matrix, width="stretch", on_select="rerun", key="confusion")
        st.caption("Colour: the share of the row. A click on a cell opens its examples.")
        cell = state.clicked_cell("confusion")
        if cell:
            state.go("failures", run=run_id, true=cell[0], predicted=cell[1])


def show_calibration() -> None:
    """Show what its probabilities are worth, as trained and at the fitted temperature."""
    temperature = data.temperature(run_id)
    if temperature is None:
        return
    st.subheader("Calibration")
    st.text(words.calibration(temperature))
    columns = st.columns(2, gap="large")
    for column, calibrated in zip(columns, (False, True), strict=True):
        with column:
            st.markdown("**At the fitted temperature**" if calibrated else "**As trained**")
            bins = frames.reliability(run_id, calibrated=calibrated)
            st.altair_chart(charts.reliability(bins), width="stretch")
            st.altair_chart(charts.bin_counts(bins), width="stretch")
    st.caption(
        "Test examples by confidence: a point on the dashed line is right as often as it claims. "
        "Grey bars: where a perfectly calibrated run would lie, 95 times of 100."
    )
    tables.calibration(frames.calibration(run_id))


def show_abstaining() -> None:
    """Show what answering only when sure gives, and let the threshold be chosen, on the validation examples."""
    curve = frames.coverage(run_id)
    if data.temperature(run_id) is None or curve.empty:
        return
    st.subheader("Answering only when sure")
    left, right = st.columns([3, 2], gap="large")
    with right:
        threshold = state.pick_threshold()
        for split in ("validation", "test"):
            st.text(words.abstaining(split, frames.answered(run_id, split, threshold)))
        link = {"run": run_id, "threshold": round(threshold * 100)}
        state.link("try_it", "Try it with this threshold", ":material/play_arrow:", **link)
    left.altair_chart(charts.coverage(curve, threshold), width="stretch")
    left.caption("On the validation examples, with the 95 % interval. The test set is not for choosing.")


def show_curves() -> None:
    """Show how the training went, where it was recorded."""
    history = data.history(run_id)
    if history.empty:
        return
    st.subheader("Learning curves")
    best = data.best_epoch(run_id)
    left, right = st.columns(2, gap="large")
    left.altair_chart(charts.loss_curves(history, best), width="stretch")
    right.altair_chart(charts.score_curve(history, best), width="stretch")
    st.caption("The epoch with the best macro F1 on the validation examples is the one that was kept and measured.")


def show_record() -> None:
    """Show what it cost, what it was asked to do, and under what it took place."""
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Settings")
        settings = frames.settings(run_id)
        changed = settings[settings["differs"]][["setting", "value", "default"]]
        if changed.empty:
            st.text("All as by default.")
        else:
            cells.frame(changed)
        with st.expander("All settings"):
            cells.frame(settings[["setting", "value", "default"]])
        st.subheader("Make it again")
        st.code(frames.command(run_id), language="bash", wrap_lines=True)
        st.subheader("What it cost")
        cells.facts(
            {
                "training": duration(run.train_seconds),
                "training examples a second": count(run.train_examples_per_second),
                "evaluation": duration(run.evaluation_seconds),
                "trained weights": parameters(run.trainable_parameters, run.total_parameters),
                "size on disk": megabytes(run.adapter_bytes),
                "peak memory": megabytes(run.peak_memory_bytes),
            }
        )
    with right:
        st.subheader("Environment")
        cells.facts(frames.environment(run_id))
        rechecks = data.rechecks(run_id)
        if not rechecks.empty:
            st.subheader("Checked again")
            tables.rechecks(rechecks)


if row.state == "complete":
    show_headline()
    show_classes()
    show_calibration()
    show_abstaining()
else:
    show_failure()
show_curves()
show_record()

card = data.model_card(run_id)
if card:
    with st.expander("Model card", icon=":material/article:"):
        st.code(card, language="markdown", wrap_lines=True)
