# ruff: noqa: N999 - Streamlit shows the file name in the URL of the start page
"""The dashboard's entry point: ``streamlit run dashboard/Home.py``."""

import os

# Idle OpenMP threads that spin keep a core busy between two predictions; read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import streamlit as st

from dashboard import warm_up

app = st.App("shell.py", lifespan=warm_up.lifespan)
