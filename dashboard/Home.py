# ruff: noqa: N999 - the name stands in the address of the start page
"""The dashboard as a program: what its first page needs is there before the first visitor comes."""

import os

# Idle OpenMP threads that spin keep a core busy between two predictions; read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import streamlit as st

from dashboard import warm_up

app = st.App("shell.py", lifespan=warm_up.before_the_first_visitor)
