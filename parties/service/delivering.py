"""What this party hands out of a finished round: results to meters, totals to suppliers, made when they are asked for.

Stored are share words and Merkle paths; sealing and signing waits until the owner comes, so that a large round does not
keep the service busy at its end.
"""

from collections.abc import Sequence
from dataclasses import replace

from mpc_market.errors import InvalidSettingsError
from mpc_market.rules.groups import large_enough
from mpc_market.wire.agreement import AgreedSet, Item
from mpc_market.wire.codec import Reader, Writer, bytes_words, words_bytes
from mpc_market.wire.delivery import Delivery, deliveries
from mpc_market.wire.digest import DIGEST_BYTES
from mpc_market.wire.identifiers import Period
from mpc_market.wire.merkle import MerkleTree
from mpc_market.wire.message import PartyMessage, sign
from mpc_market.wire.totals import Totals, make_totals
from mpc_market.wire.verdicts import Verdict
from parties.ledger import ResultRow, TotalRow
from parties.service.node import Node
from parties.service.problems import Problem, RefusalError
from parties.service.workers import AttemptError
from parties.worker import ClearingResult


def result_rows(agreed: AgreedSet, tree: MerkleTree, cleared: ClearingResult) -> list[ResultRow]:
    """One row for each meter of the set. Raises: AttemptError if the worker has returned something else."""
    if len(cleared.verdicts) != len(agreed.members):
        raise AttemptError("the worker has computed another number of results")
    rows = []
    for place, (member, code) in enumerate(zip(agreed.members, cleared.verdicts, strict=True)):
        paths = packed_path(
            agreed.count, place * agreed.orders, [tree.path(place * agreed.orders + k) for k in range(agreed.orders)]
        )
        accepted, traded = words_bytes(cleared.accepted[place]), words_bytes(cleared.traded[place])
        rows.append(ResultRow(member.name, member.number, Verdict(code), accepted, paths, traded))
    return rows


def total_rows(suppliers: Sequence[str], cleared: ClearingResult, minimum: int) -> list[TotalRow]:
    """One row for each supplier with enough valid users: of smaller groups nothing is kept (market.md §6)."""
    return [
        TotalRow(supplier, users, words_bytes((bought, sold)))
        for supplier, users, bought, sold in zip(suppliers, cleared.users, cleared.bought, cleared.sold, strict=True)
        if large_enough(users, minimum)
    ]


def signed(node: Node, message: PartyMessage) -> bytes:
    """A message of this party about a round, with the key of that round. Raises: RefusalError."""
    try:
        return sign(message, node.key(message.period.start)).encode()
    except InvalidSettingsError:  # its signing key was erased
        raise RefusalError(Problem.NOTHING_HERE) from None


def delivery(period: Period, party: int, attempt: int, row: ResultRow, sealing_key: bytes) -> Delivery:
    """What a meter gets of this party, to be signed. `sealing_key`: the meter's, from the round's roll."""
    count, index, paths = unpacked_path(row.path)
    member = Item(row.meter, row.number, bytes(DIGEST_BYTES))
    alone = AgreedSet(period, bytes(DIGEST_BYTES), bytes(DIGEST_BYTES), len(paths), (member,))
    shares = [bytes_words(row.words)]
    made = deliveries(alone, alone.tree(), party, attempt, [Verdict(row.verdict)], shares, [sealing_key])
    # its place in the whole set is no part of what is sealed
    return replace(made[0], count=count, index=index, paths=paths)


def totals(period: Period, party: int, attempt: int, row: TotalRow, sealing_key: bytes) -> Totals:
    """What a supplier gets of this party, to be signed. `sealing_key`: the supplier's, from the round's roll."""
    bought, sold = bytes_words(row.words)
    return make_totals(period, party, row.supplier, attempt, row.users, (bought, sold), sealing_key)


def packed_path(count: int, index: int, paths: Sequence[Sequence[bytes]]) -> bytes:
    """Place and Merkle paths of a submission, as the ledger keeps them."""
    writer = Writer().u32(count).u32(index).u8(len(paths))
    for path in paths:
        writer.u8(len(path))
        for step in path:
            writer.fixed(step, DIGEST_BYTES)
    return writer.data()


def unpacked_path(data: bytes) -> tuple[int, int, tuple[tuple[bytes, ...], ...]]:
    """The inverse."""
    reader = Reader(data)
    count, index = reader.u32(), reader.u32()
    paths = tuple(tuple(reader.fixed(DIGEST_BYTES) for _ in range(reader.u8())) for _ in range(reader.u8()))
    reader.end()
    return count, index, paths
