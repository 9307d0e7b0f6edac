"""How Alembic reaches the database: through the engine that the store hands it."""

from alembic import context

from core.store.schema import Base

with context.config.attributes["engine"].connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
