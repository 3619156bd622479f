"""Tariffs of suppliers; what each meter has bought and sold over all its orders."""

import sqlalchemy as sa
from alembic import op

revision = "v0002"
down_revision = "v0001"


def upgrade() -> None:
    with op.batch_alter_table("results") as results:
        results.add_column(sa.Column("traded", sa.LargeBinary(), nullable=False, server_default=sa.text("''")))
    with op.batch_alter_table("results") as results:
        results.alter_column("traded", server_default=None)
    op.create_table(
        "tariffs",
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("begins", sa.BigInteger(), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("market", "supplier", "number", name="pk_tariffs"),
    )
