"""Who may see and who may change the runs: Streamlit's sign-in and the roles in `.streamlit/secrets.toml`."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from core.errors import RequestError
from dashboard.components.safe_text import escape_markdown, show_text

READ_ONLY = "RUNS_READ_ONLY"
"""The environment variable that forbids all changes."""


@dataclass(frozen=True)
class Visitor:
    """The user of a session: a display name, empty without sign-in, and the permissions."""

    name: str
    may_see: bool
    may_change: bool


def visitor() -> Visitor:
    """Return the user of the session.

    Without ``[auth]`` everyone who reaches the dashboard may see and change everything. With it, users
    sign in; ``[roles]`` names editors, and viewers if not every user may see the runs. Raises `RequestError`
    for secrets that cannot be read or contradict each other.
    """
    secrets = _secrets()
    roles = secrets.get("roles", {})
    read_only = bool(roles.get("read_only")) or os.environ.get(READ_ONLY, "").lower() not in ("", "0", "false", "no")
    if "auth" not in secrets:
        if roles.keys() & {"editors", "viewers"}:
            raise RequestError("secrets.toml has [roles] with editors or viewers, but no [auth] to sign in with.")
        return Visitor("", may_see=True, may_change=not read_only)
    if not st.user.get("is_logged_in"):
        return Visitor("", may_see=False, may_change=False)
    email = _verified_email(roles)
    is_editor = _is_listed(email, roles.get("editors", ()))
    may_see = is_editor or "viewers" not in roles or _is_listed(email, roles["viewers"])
    name = str(st.user.get("email") or st.user.get("name") or "no name")
    return Visitor(name, may_see, may_change=is_editor and not read_only)


def _secrets() -> Mapping[str, Any]:
    """Return the secrets; Streamlit raises the same error for an unreadable file as for none."""
    try:
        return st.secrets.to_dict()
    except StreamlitSecretNotFoundError:
        unreadable = [path for path in st.get_option("secrets.files") if Path(path).exists()]
    if unreadable:
        raise RequestError(f"Cannot read {unreadable[-1]}: it is not valid TOML. Fix it to see the dashboard.")
    return {}


def _verified_email(roles: Mapping[str, Any]) -> str:
    """Return the user's e-mail address; empty if the provider has not verified it."""
    is_verified = st.user.get("email_verified", roles.get("assume_verified", False))
    return str(st.user.get("email") or "").casefold() if is_verified in (True, "true") else ""


def _is_listed(email: str, listed: str | Iterable[str]) -> bool:
    """Return whether an address is listed, itself or by its domain such as ``@b.org``."""
    entries = {entry.strip().casefold() for entry in ([listed] if isinstance(listed, str) else listed)}
    return bool(email) and bool(entries & {email, f"@{email.rpartition('@')[2]}"})


def may_change() -> bool:
    """Return whether the user may make changes."""
    return visitor().may_change


def check_may_change() -> None:
    """Raise `RequestError` for a user who may not make changes."""
    if not may_change():
        raise RequestError("Read-only: you may not make changes. Editors are listed in secrets.toml.")


def check_may_see() -> None:
    """Raise `RequestError` for a user who may not see the runs."""
    if not visitor().may_see:
        raise RequestError("You are signed out. Reload the page to sign in.")


def refuse(user: Visitor) -> None:
    """Show a user who may not see the runs how to sign in, or why the account is refused."""
    st.title("Adapter Bench")
    if find_spec("authlib") is None:
        message = "Sign-in needs Authlib: run pip install -e '.[sign-in]' and restart the dashboard."
        st.error(escape_markdown(message), icon=":material/error:")
    elif not user.name:
        st.text("Sign in to see the recorded runs.")
        for provider in _providers():
            label = f"Sign in with {escape_markdown(provider)}" if provider else "Sign in"
            st.button(label, icon=":material/login:", type="primary", on_click=partial(st.login, provider))
    else:
        message = f"{user.name} has no access to these runs. Ask the administrator of this dashboard."
        st.warning(escape_markdown(message), icon=":material/block:")
        _sign_out_button()


def _providers() -> list[str | None]:
    """Return the names of the providers in ``[auth]``; None for a provider without a name."""
    auth = _secrets()["auth"]
    names = [name for name, entry in auth.items() if isinstance(entry, Mapping) and name != "client_kwargs"]
    return [*([None] if "client_id" in auth else []), *names]


def show_user() -> None:
    """Show who is signed in, and whether the dashboard is read-only."""
    user = visitor()
    if not user.may_change:
        st.caption("Read-only")
    if user.name:
        show_text(f"Signed in as {user.name}", width="content")
        _sign_out_button()


def _sign_out_button() -> None:
    st.button("Sign out", icon=":material/logout:", on_click=st.logout, key="sign out")
