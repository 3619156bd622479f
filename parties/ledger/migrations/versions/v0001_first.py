"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "v0001"
down_revision = None


def upgrade() -> None:
    _ledger_and_keys()
    _rounds()
    _what_a_round_holds()
    _submissions_and_forwards()
    _results()
    _records()


def _ledger_and_keys() -> None:
    op.create_table(
        "ledger",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("party", sa.SmallInteger()),
        sa.Column("backup", sa.Boolean(), nullable=False),
        sa.Column("restored_ms", sa.BigInteger()),
        sa.Column("checks", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ledger"),
    )
    op.execute("INSERT INTO ledger (id, backup, checks) VALUES (1, false, 0)")
    op.create_table(
        "rolls",
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("market", "version", name="pk_rolls"),
    )
    op.create_table(
        "sealing_keys",
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_sealing_keys"),
    )


def _rounds() -> None:
    op.create_table(
        "rounds",
        *_round(),
        sa.Column("opens_ms", sa.BigInteger(), nullable=False),
        sa.Column("gate_ms", sa.BigInteger(), nullable=False),
        sa.Column("deadline_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("finished", sa.Boolean(), nullable=False),
        sa.Column("collecting", sa.Boolean(), nullable=False),
        sa.Column("fenced", sa.Boolean(), nullable=False),
        sa.Column("erased", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("market", "start", name="pk_rounds"),
    )
    unfinished = sa.text("NOT finished")
    op.create_index("ix_rounds_unfinished", "rounds", ["gate_ms"], sqlite_where=unfinished, postgresql_where=unfinished)


def _what_a_round_holds() -> None:
    for table, key in (("messages", ["kind", "party"]), ("secrets", ["name"]), ("outcomes", [])):
        op.create_table(
            table,
            *_round(),
            *(sa.Column(name, sa.SmallInteger() if name == "party" else sa.Text(), nullable=False) for name in key),
            sa.Column("data", sa.LargeBinary(), nullable=False),
            *_keys(table, *key),
        )


def _submissions_and_forwards() -> None:
    op.create_table(
        "submissions",
        *_round(),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("contradicts", sa.Boolean(), nullable=False),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        sa.Column("header_digest", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("nonce", sa.LargeBinary()),
        sa.Column("words", sa.LargeBinary()),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("receipt", sa.LargeBinary()),
        *_keys("submissions", "meter", "number", "contradicts"),
    )
    op.create_table(
        "forwards",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        *_round(),
        sa.Column("party", sa.SmallInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_forwards"),
        _foreign_key("forwards"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_forwards_party_id", "forwards", ["party", "id"])


def _results() -> None:
    op.create_table(
        "results",
        *_round(),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.SmallInteger(), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        *_keys("results", "attempt", "meter"),
    )
    op.create_table(
        "totals",
        *_round(),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("users", sa.Integer(), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        *_keys("totals", "attempt", "supplier"),
    )


def _records() -> None:
    op.create_table(
        "records",
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("market", "sequence", name="pk_records"),
        sa.UniqueConstraint("market", "start", name="uq_records_market_start"),
    )


def _round() -> tuple[sa.Column[str], sa.Column[int]]:
    return (
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
    )


def _keys(table: str, *key: str) -> tuple[sa.PrimaryKeyConstraint, sa.ForeignKeyConstraint]:
    return sa.PrimaryKeyConstraint("market", "start", *key, name=f"pk_{table}"), _foreign_key(table)


def _foreign_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["market", "start"], ["rounds.market", "rounds.start"], name=f"fk_{table}")
