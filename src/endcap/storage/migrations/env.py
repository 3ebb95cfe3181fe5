"""Run by Alembic: migrates over the connection, and inside the transaction, that it is handed."""

from alembic import context

from endcap.storage.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True)
context.run_migrations()
