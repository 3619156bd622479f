"""What Alembic runs: the migrations, on the connection and within the transaction that `migrate` gives it."""

from alembic import context

from parties.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite changes a table by writing it anew.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
