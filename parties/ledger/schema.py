"""The tables. What changes here needs a migration of its own: a test compares the two.

Rounds are keyed (market, start) throughout, so that several markets and several rounds at once live side by side.
`rounds`, `outcomes` and `records` only ever grow: that a round was run must not be forgotten.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

_HALF = 2**63


class Unsigned64(TypeDecorator[int]):
    """0 … 2^64 − 1 in a signed column, order kept: what a meter numbers its submissions with is up to the meter."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, _dialect: Any) -> int | None:
        return None if value is None else value - _HALF

    def process_result_value(self, value: int | None, _dialect: Any) -> int | None:
        return None if value is None else value + _HALF


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _key(name: str, kind: Any) -> Column[Any]:
    return Column(name, kind, primary_key=True, autoincrement=False)


def _round() -> tuple[Column[Any], Column[Any], ForeignKeyConstraint]:
    """The round that a row belongs to, as the first part of the row's key."""
    return (
        _key("market", Text),
        _key("start", BigInteger),
        ForeignKeyConstraint(["market", "start"], ["rounds.market", "rounds.start"]),
    )


def _must(name: str, kind: Any) -> Column[Any]:
    return Column(name, kind, nullable=False)


ledger = Table(
    "ledger",
    metadata,
    _key("id", SmallInteger),  # one row, 1
    Column("party", SmallInteger),  # NULL: not yet bound
    _must("backup", Boolean),  # a copy made by `Ledger.backup`, not opened since
    Column("restored_ms", BigInteger),
    _must("checks", BigInteger),
)

rolls = Table("rolls", metadata, _key("market", Text), _key("version", Unsigned64), _must("data", LargeBinary))

sealing_keys = Table("sealing_keys", metadata, _key("day", Text), _must("data", LargeBinary))

rounds = Table(
    "rounds",
    metadata,
    _key("market", Text),
    _key("start", BigInteger),
    _must("opens_ms", BigInteger),
    _must("gate_ms", BigInteger),
    _must("deadline_ms", BigInteger),
    _must("state", Text),
    _must("finished", Boolean),
    _must("collecting", Boolean),
    _must("fenced", Boolean),
    _must("erased", Boolean),
)
Index("ix_rounds_unfinished", rounds.c.gate_ms, sqlite_where=~rounds.c.finished, postgresql_where=~rounds.c.finished)

messages = Table(
    "messages", metadata, *_round(), _key("kind", Text), _key("party", SmallInteger), _must("data", LargeBinary)
)

secrets = Table("secrets", metadata, *_round(), _key("name", Text), _must("data", LargeBinary))

outcomes = Table("outcomes", metadata, *_round(), _must("data", LargeBinary))

submissions = Table(
    "submissions",
    metadata,
    *_round(),
    _key("meter", Text),
    _key("number", Unsigned64),
    _key("contradicts", Boolean),  # a second header with this number, kept as proof without words or receipt
    _must("header", LargeBinary),
    _must("header_digest", LargeBinary),
    _must("signature", LargeBinary),
    Column("nonce", LargeBinary),
    Column("words", LargeBinary),
    _must("received_ms", BigInteger),
    Column("receipt", LargeBinary),
)

forwards = Table(
    "forwards",
    metadata,
    # Ids are never given again, so that "done" cannot strike a later one.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    _must("market", Text),
    _must("start", BigInteger),
    _must("party", SmallInteger),
    _must("data", LargeBinary),
    ForeignKeyConstraint(["market", "start"], ["rounds.market", "rounds.start"]),
    Index(None, "party", "id"),
    sqlite_autoincrement=True,
)

results = Table(
    "results",
    metadata,
    *_round(),
    _key("attempt", Integer),
    _key("meter", Text),
    _must("number", Unsigned64),
    _must("verdict", SmallInteger),
    _must("words", LargeBinary),
    _must("path", LargeBinary),
    _must("traded", LargeBinary),
)

totals = Table(
    "totals",
    metadata,
    *_round(),
    _key("attempt", Integer),
    _key("supplier", Text),
    _must("users", Integer),
    _must("words", LargeBinary),
)

tariffs = Table(
    "tariffs",
    metadata,
    _key("market", Text),
    _key("supplier", Text),
    _key("number", Unsigned64),
    _must("begins", BigInteger),
    _must("ends", BigInteger),
    _must("data", LargeBinary),
)

disputes = Table(
    "disputes",
    metadata,
    _key("market", Text),
    _key("meter", Text),
    _key("number", Unsigned64),
    _must("digest", LargeBinary),
    _must("data", LargeBinary),
    _must("received_ms", BigInteger),
)

records = Table(
    "records",
    metadata,
    _key("market", Text),
    _key("sequence", Unsigned64),
    _must("start", BigInteger),
    _must("previous", LargeBinary),
    _must("digest", LargeBinary),
    _must("data", LargeBinary),
    UniqueConstraint("market", "start"),
)
