"""The Run page: the verdict and main scores of a run, or why it has none; tabs show the details."""

import streamlit as st

from dashboard import data
from dashboard.app_pages.run import controls, header, status, tabs, text
from dashboard.components import default_runs, feedback, run_actions
from dashboard.components.active_runs import REFRESH
from dashboard.components.safe_text import escape_markdown

bar = st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute")
name = bar.empty()
name.title("Run")
feedback.stop_if_empty("This page shows one run: its scores by class, curves, calibration, cost and settings.")
with bar:
    run_id = controls.pick_run()
run, row = data.run(run_id), data.run_row(run_id)
is_complete = row.state == "complete"
baseline = default_runs.reference_baseline(run_id) if is_complete else None
live_fragment = feedback.safe_fragment(run_every=REFRESH if row.state == "running" else None)

with name.container(horizontal=True, vertical_alignment="center"):
    header.show_name(run_id)
    header.show_tags(run_id)
    header.draw_actions(run_id, baseline)
run_actions.offer_undo()
badges = " ".join(f":gray-badge[{escape_markdown(chip)}]" for chip in text.chips(row, data.config_of(run_id)))
st.markdown(badges, help=escape_markdown(row.note) or None)
status.show_notices(run)
if is_complete:
    status.show_headline(run_id, baseline)
elif row.state == "running":
    live_fragment(status.show_progress)(run_id)
else:
    status.show_failure(run_id)
header.show_notes(run_id)

draw_by_tab = {
    "Classes": lambda: tabs.show_overview(run_id),
    "Training": lambda: live_fragment(tabs.show_training)(run_id),
    "Calibration": lambda: tabs.show_calibration(run_id),
    "Abstaining": lambda: tabs.show_threshold(run_id),
    "Cost": lambda: tabs.show_cost(run_id, baseline),
    "Settings": lambda: tabs.show_config(run_id),
    "Record": lambda: tabs.show_environment_and_log(run_id),
}
shown = controls.TABS if is_complete else ("Training", "Cost", "Settings", "Record")
for value, tab in zip(shown, controls.draw_tabs(list(shown)), strict=True):
    if tab.open:
        with tab:
            draw_by_tab[value]()
