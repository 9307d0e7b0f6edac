"""Alembic's environment: run the migrations on the connection, and in the transaction, of the caller."""

from alembic import context

from core.store.schema import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
context.run_migrations()
