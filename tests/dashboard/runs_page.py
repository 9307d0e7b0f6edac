"""Read the Runs page in an AppTest, and the database that it changes."""

from core.store import queries
from core.store.engine import open_store


def table(app):
    return app.dataframe[0].value


def names(app):
    return list(table(app)["name"])


def ids(app):
    return list(table(app)["#"])


def store_of(seeded):
    return open_store(str(seeded.database))


def trashed(seeded):
    frame = queries.runs(store_of(seeded), trash=True)
    return frame.loc[frame["deleted_at"].notna(), "id"].tolist()
