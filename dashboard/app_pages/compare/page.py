"""Two or more runs on the same test set: whether they differ, and where."""

import streamlit as st

from dashboard import data, state
from dashboard.app_pages.compare import pair, several, view_data
from dashboard.components import default_runs, feedback, links, pickers, report_download
from dashboard.components.safe_text import escape_markdown

COST_PIXELS = 500

header = st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute")
header.title("Compare")
feedback.stop_if_empty("This page compares runs: whether the difference is significant, and in which classes it is.")
test_set = state.test_set()
complete = data.complete_runs(test_set)
left, right = st.columns([2, 3])
with left:
    run_id = pickers.pick_run("Run", data.runs(test_set), default_runs.best_run(test_set))
with right:
    selected = pickers.pick_runs("Compare with", complete, run_id, default_runs.reference_baseline(run_id))

others, reasons = view_data.select_comparable(run_id, selected, test_set)
for reason in reasons:
    st.warning(escape_markdown(reason), icon=":material/warning:")
if not others:
    st.info("Select a complete run on the same test set to compare with.", icon=":material/info:")
    with st.container(horizontal=True):
        for first, second in view_data.suggest_pairs(run_id, complete):
            label = escape_markdown(f"{data.run_label(first)} vs {data.run_label(second)}")
            links.page_link("compare", label, ":material/compare_arrows:", run=first, against=second)
    st.stop()

run_ids = [run_id, *others]
with header:
    report_download.draw_report_download(run_ids)
if len(run_ids) == 2:
    pair.show_verdict(*run_ids, of_several=False)
    pair.show_differences(*run_ids)
else:
    several.show_ranking(run_ids)
row = st.container(horizontal=True, gap="large")  # on a narrow screen the learning curves are below the costs
with row.container(width=COST_PIXELS):
    several.show_costs(run_ids)
with row.container(width="stretch"):
    several.show_learning_curves(run_ids)
if len(run_ids) > 2:
    several.show_settings(run_ids)
    several.show_class_scores(run_ids)
    several.show_all_pairs(run_ids)
    selected_pair = pickers.pick_pair("Compare a pair", data.run_rows(run_ids))
    if selected_pair:
        pair.show_verdict(*selected_pair, of_several=True)
        pair.show_differences(*selected_pair)
