"""The schema's way from version to version, by Alembic, run whenever a ledger is opened.

A change of the tables in `schema` comes with a new file in `versions`, written by hand: `revision` is its own number,
`down_revision` that of the file before, `upgrade` makes the change in either database. A test compares what the
migrations make with `schema`, table by table. There is no way back: a database of a newer program is refused.
"""
