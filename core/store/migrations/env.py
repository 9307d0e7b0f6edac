"""How Alembic reaches the database: through the connection, and in the transaction, that the store hands it."""

from alembic import context

from core.store.schema import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
context.run_migrations()
