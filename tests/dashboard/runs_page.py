"""Read the Runs page in an AppTest, and the database that it changes."""

import json

import pandas as pd

from core.store import queries
from core.store.engine import open_store


def content(app):
    """Return what the table of runs shows; None without one."""
    tables = app.get("bidi_component")
    return json.loads(tables[0].proto.json) if tables else None


def table(app):
    """Return the texts of the table of runs."""
    shown = content(app)
    titles = [column["title"] for column in shown["columns"]]
    return pd.DataFrame([[cell["text"] for cell in row["cells"]] for row in shown["rows"]], columns=titles)


def names(app):
    return list(table(app)["name"])


def ids(app):
    return list(table(app)["#"])


def store_of(seeded):
    return open_store(str(seeded.database))


def trashed(seeded):
    frame = queries.runs(store_of(seeded), trash=True)
    return frame.loc[frame["deleted_at"].notna(), "id"].tolist()


def repeat_run(store, run_id, macro_f1):
    """Record a run again with another score; return the new run id."""
    with store.engine.begin() as connection:

        def copy(table, where, **changed):
            names = [row[1] for row in connection.exec_driver_sql(f"pragma table_info({table})")]
            values = [str(changed.get(name, name)) for name in names]
            connection.exec_driver_sql(f"insert into {table} select {', '.join(values)} from {table} where {where}")

        copy("runs", f"id = {run_id}", id="(select max(id) + 1 from runs)")
        new = connection.exec_driver_sql("select max(id) from runs").scalar()
        copy("predictions", f"run_id = {run_id}", run_id=new)
        copy("metrics", f"run_id = {run_id}", run_id=new)
        score = "run_id = ? and split = 'test' and name = 'macro_f1'"
        connection.exec_driver_sql(f"update metrics set value = ? where {score}", (macro_f1, new))
    return new
