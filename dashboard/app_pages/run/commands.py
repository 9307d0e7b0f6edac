"""The commands that resume and reproduce a run."""

import streamlit as st

from dashboard import data
from dashboard.app_pages.run import text, view_data
from dashboard.components.safe_text import show_code


def show_resume_command(run_id: int) -> None:
    """Show the command that resumes a run."""
    st.markdown("**Resume**", help=text.resume_note(data.run(run_id).method))
    show_code(data.resume_command(run_id), language="bash")


def show_reproduce_command(run_id: int) -> None:
    """Show the command that trains a run again."""
    st.markdown("**Reproduce**")
    show_code(view_data.reproduce_command(run_id), language="bash")
