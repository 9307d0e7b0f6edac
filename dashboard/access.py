"""Who sees the record and who changes it: Streamlit's sign-in, and the roles in `.streamlit/secrets.toml`."""

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
"""The environment variable that lets nobody change anything."""


@dataclass(frozen=True)
class Visitor:
    """Who looks at the screens: a name for people, empty for nobody in particular, and what they may do."""

    name: str
    sees: bool
    changes: bool


def visitor() -> Visitor:
    """Return who looks at the screens now.

    Without ``[auth]`` whoever reaches the page sees and changes everything. With it, one has to sign
    in; the roles name the editors, and the viewers where not everybody who can sign in is one.
    Raises `RequestError` where the secrets can't be read or say two things.
    """
    secrets = _secrets()
    roles = secrets.get("roles", {})
    fixed = bool(roles.get("read_only")) or os.environ.get(READ_ONLY, "").lower() not in ("", "0", "false", "no")
    if "auth" not in secrets:
        if roles.keys() & {"editors", "viewers"}:
            raise RequestError("secrets.toml names editors or viewers, but has no [auth] by which they sign in.")
        return Visitor("", sees=True, changes=not fixed)
    if not st.user.get("is_logged_in"):
        return Visitor("", sees=False, changes=False)
    address = _address(roles)
    edits = _named(address, roles.get("editors", ()))
    sees = edits or "viewers" not in roles or _named(address, roles["viewers"])
    return Visitor(str(st.user.get("email") or st.user.get("name") or "no name"), sees, edits and not fixed)


def _secrets() -> Mapping[str, Any]:
    """Return the secrets; of a file that can't be read Streamlit says the same as of none."""
    try:
        return st.secrets.to_dict()
    except StreamlitSecretNotFoundError:
        unread = [path for path in st.get_option("secrets.files") if Path(path).exists()]
    if unread:
        raise RequestError(f"{unread[-1]} can't be read: it is not TOML. Nothing is shown until it is.")
    return {}


def _address(roles: Mapping[str, Any]) -> str:
    """Return the visitor's e-mail address; empty for one that the provider has not verified."""
    verified = st.user.get("email_verified", roles.get("assume_verified", False))
    return str(st.user.get("email") or "").casefold() if verified in (True, "true") else ""


def _named(address: str, listed: str | Iterable[str]) -> bool:
    """Tell whether an address, or its domain as ``@b.org``, is listed."""
    known = {one.strip().casefold() for one in ([listed] if isinstance(listed, str) else listed)}
    return bool(address) and bool(known & {address, f"@{address.rpartition('@')[2]}"})


def may_change() -> bool:
    """Tell whether the visitor may change the record."""
    return visitor().changes


def check_may_change() -> None:
    """Raise `RequestError` for a visitor who may not change the record."""
    if not may_change():
        raise RequestError("You may look at everything here and change nothing. Editors are named in secrets.toml.")


def check_may_see() -> None:
    """Raise `RequestError` for a visitor who may not see the record."""
    if not visitor().sees:
        raise RequestError("You are signed out. Load the page again to sign in.")


def refuse(who: Visitor) -> None:
    """Draw what a visitor gets who does not see the record: the way to sign in, or why not."""
    st.title("Adapter Bench")
    if find_spec("authlib") is None:
        st.error(
            escape_markdown("Signing in needs Authlib: pip install -e '.[sign-in]', then start again."),
            icon=":material/error:",
        )
    elif not who.name:
        st.text("The recorded runs are shown to those who sign in.")
        for provider in _providers():
            label = f"Sign in with {escape_markdown(provider)}" if provider else "Sign in"
            st.button(label, icon=":material/login:", type="primary", on_click=partial(st.login, provider))
    else:
        st.warning(
            escape_markdown(
                f"{who.name} is signed in, and not among those who see these runs. Ask who runs this dashboard."
            ),
            icon=":material/block:",
        )
        _sign_out()


def _providers() -> list[str | None]:
    """Return the names of the providers in ``[auth]``; None for one without a name."""
    auth = _secrets()["auth"]
    named = [name for name, one in auth.items() if isinstance(one, Mapping) and name != "client_kwargs"]
    return [*([None] if "client_id" in auth else []), *named]


def show_who() -> None:
    """Say at the foot of the sidebar who is signed in, or that nothing can be changed; and let them sign out."""
    who = visitor()
    with st.sidebar:
        if not who.changes:
            st.caption("To look at: nothing is changed from here.")
        if who.name:
            show_text(f"Signed in as {who.name}")
            _sign_out()


def _sign_out() -> None:
    st.button("Sign out", icon=":material/logout:", on_click=st.logout, key="sign out")
