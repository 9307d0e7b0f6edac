"""Keyboard shortcuts that Streamlit lacks: keys that focus a field, and all keys while a toggle has the focus."""

import streamlit as st

_SCRIPT = """
const TOGGLES = "input[type=checkbox], input[type=radio], input[type=range]";
const FIELDS = "input, textarea, select, [contenteditable=true]";

let remove = () => {}; // the function below is called again when the data or the theme changes

export default function ({ data }) {
  remove();
  const find = (name) => document.querySelector(`.st-key-${name} :is(input, textarea)`);

  function press(event) {
    const target = event.composedPath()[0];
    const isToggle = target.matches?.(TOGGLES);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (target.matches?.(FIELDS) && !isToggle) {
      if (event.key === "Escape" && Object.values(data).map(find).includes(target)) target.blur();
      return;
    }
    const field = data[event.key.toLowerCase()] && find(data[event.key.toLowerCase()]);
    if (field) {
      event.preventDefault(); // the key is not typed into the field
      field.focus();
    } else if (isToggle && /^[a-z0-9]$/i.test(event.key)) {
      document.body.dispatchEvent(new KeyboardEvent("keydown", event)); // Streamlit ignores keys pressed in an input
    }
  }

  document.addEventListener("keydown", press);
  remove = () => document.removeEventListener("keydown", press);
  return remove;
}
"""

_listen = st.components.v2.component("shortcuts", js=_SCRIPT)


def focus_fields(fields: dict[str, str]) -> None:
    """Let keys focus fields. ``fields``: the key of a container with one field, by the lower-case letter."""
    _listen(data=fields, key="shortcuts", height=1)
