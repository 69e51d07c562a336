"""What Alembic runs: the steps that are missing, over the connection it is handed."""

from alembic import context

from callgate.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
