"""The searches on a test set: their trials, which parameters matter, and whether the winner beats the defaults."""

import streamlit as st

from dashboard import data, state
from dashboard.app_pages.searches import controls, sections
from dashboard.components import feedback
from dashboard.components.active_runs import REFRESH
from dashboard.components.safe_text import show_code

st.title("Searches")
feedback.stop_if_empty("This page shows searches of settings: their trials, and whether the winner beats the defaults.")
searches = {search.name: search for search in data.searches(state.test_set())}
if not searches:
    st.info("No searches on this test set yet.", icon=":material/info:")
    show_code(data.command("search --trials 30"), language="bash")
    st.stop()
name = controls.pick_search(list(searches))
is_running = data.is_search_running(searches[name])
live_fragment = feedback.safe_fragment(run_every=REFRESH if is_running else None)
live_fragment(sections.show_search)(name, was_running=is_running)
