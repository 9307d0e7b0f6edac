"""The commands that resume, continue and reproduce a run."""

import streamlit as st

from dashboard import data
from dashboard.app_pages.run import text, view_data
from dashboard.components.safe_text import show_code


def show_resume_command(run_id: int) -> None:
    """Show the command that resumes a run."""
    _show_command("Resume", data.resume_command(run_id), text.resume_note(data.run(run_id).method))


def show_continue_command(run_id: int) -> None:
    """Show the command that trains a complete run for more epochs, if its method supports it."""
    command = data.continue_command(run_id)
    if command is not None:
        _show_command("Continue", command, "Trains the saved weights for more epochs, as a new run.")


def show_reproduce_command(run_id: int) -> None:
    """Show the command that trains a run again."""
    _show_command("Reproduce", view_data.reproduce_command(run_id), text.REPRODUCE_NOTE)


def _show_command(title: str, command: str, note: str) -> None:
    st.markdown(f"**{title}**", help=note)
    show_code(command)
