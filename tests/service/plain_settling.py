"""What workers compute at a settlement, in the clear: shares are put together, the rule applied, and shares dealt anew.

The plaintext twin of the secure engine, for tests of everything around it.
"""

from collections import defaultdict
from collections.abc import Sequence

from mpc_market.rules.groups import large_enough, shown_parts
from mpc_market.rules.model import Market
from mpc_market.rules.settlement import Entry, Reading, Volumes, amounts, estimate, settle, total
from mpc_market.rules.tariff import Rates
from mpc_market.wire.codec import P, bytes_words
from mpc_market.wire.errors import PolynomialError
from mpc_market.wire.sharing import deal, recombine
from parties.compute.messages import Effort
from parties.worker import ClosingInput, ClosingResult, GroupTotal, SettlementInput, SettlementResult

VALID, OFF_POLYNOMIAL, NO_READING = 0, 1, 2
NO_EFFORT = Effort(0, 0, 0.0, 0, {"settle": 0.0})


def together(shares: Sequence[Sequence[int]]) -> tuple[int, ...]:
    return recombine(dict(enumerate(shares)), len(shares))


def reading_of(words: Sequence[bytes], maximum: int, market: Market) -> tuple[int, Reading | None]:
    """The verdict, and what was read."""
    try:
        bits = together([bytes_words(each) for each in words])
    except PolynomialError:
        return OFF_POLYNOMIAL, None
    size = market.quantity_bits
    numbers = [sum(bit << i for i, bit in enumerate(bits[at : at + size])) for at in range(0, 4 * size, size)]
    imported, rest, exported, other_rest = numbers
    if not set(bits) <= {0, 1} or {imported + rest, exported + other_rest} != {maximum}:
        return NO_READING, None
    return VALID, Reading(imported, exported)


def verdicts_of(tasks: Sequence[SettlementInput]) -> bytes:
    first = tasks[0]
    metered = [row for row, is_metered in enumerate(first.metered) if is_metered]
    return bytes(reading_of([task.words[row] for task in tasks], first.maxima[row], first.market)[0] for row in metered)


def settle_in_the_clear(tasks: Sequence[SettlementInput], verdicts: bytes) -> list[SettlementResult]:
    """What each party gets. `tasks`: of all parties, the same but for shares."""
    first, parties = tasks[0], len(tasks)
    assert all((task.ids, task.maxima, task.metered) == (first.ids, first.maxima, first.metered) for task in tasks)
    codes, entries = iter(verdicts), []
    for row, metered in enumerate(first.metered):
        bought, sold = together([task.traded[row] for task in tasks])
        if metered and next(codes) != VALID:
            entries.append(None)
            continue
        reading = estimate(first.maxima[row])
        if metered:
            reading = reading_of([task.words[row] for task in tasks], first.maxima[row], first.market)[1]
        entry = settle(bought, sold, reading)
        entries.append((entry.bought, entry.sold, entry.imported, entry.exported, entry.residual_import))
    dealt = [[()] * parties if entry is None else deal(entry, parties) for entry in entries]
    totals = _totals(first, entries, parties)
    return [
        SettlementResult(verdicts, tuple(row[j] for row in dealt), tuple(each[j] for each in totals), NO_EFFORT)
        for j in range(parties)
    ]


def _totals(task: SettlementInput, entries: Sequence[tuple[int, ...] | None], parties: int) -> list[list[GroupTotal]]:
    groups: dict[tuple[int | None, int | None], list[Entry]] = defaultdict(list)
    for row, entry in enumerate(entries):
        if entry is not None and task.counted[row] and task.metered[row]:
            supplier, region = task.suppliers[row], task.regions[row]
            for key in ((supplier, None), (None, region), (supplier, region)):
                groups[key].append(Entry(*entry))
    made = []
    for supplier, region in _shown({key: len(members) for key, members in groups.items()}, task.minimum_group):
        found = total(groups[supplier, region])
        kind = "region" if supplier is None else "supplier" if region is None else "part"
        dealt = deal([found.imported, found.exported], parties)
        made.append([GroupTotal(kind, 0, region, supplier, found.users, tuple(words)) for words in dealt])
    return made


def _shown(users: dict[tuple[int | None, int | None], int], minimum: int) -> list[tuple[int | None, int | None]]:
    """The groups (supplier, region) whose totals may be shown."""
    shown = [key for key in users if None in key and large_enough(users[key], minimum)]
    for region in [region for supplier, region in shown if supplier is None]:
        parts = [key for key in users if None not in key and key[1] == region]
        may = shown_parts([users[key] for key in parts], minimum)
        shown += [key for key, each in zip(parts, may, strict=True) if each]
    return shown


def traded_in_the_clear(
    accepted: Sequence[Sequence[Sequence[int]]], sides: Sequence[Sequence[Sequence[int]]]
) -> list[list[tuple[int, ...]]]:
    """(bought, sold) of each submission for each party. Both arguments by party, by valid submission, per order."""
    parties, made = len(accepted), []
    for submission in range(len(accepted[0])):
        lots = together([accepted[j][submission] for j in range(parties)])
        buys = together([sides[j][submission] for j in range(parties)])
        bought = sum(lot for lot, buy in zip(lots, buys, strict=True) if buy)
        made.append(deal([bought, sum(lots) - bought], parties))
    return [[tuple(submission[j]) for submission in made] for j in range(parties)]


def close_in_the_clear(tasks: Sequence[ClosingInput]) -> list[ClosingResult]:
    """The same for the closing of a month."""
    first, parties = tasks[0], len(tasks)
    for task in tasks:
        public = (task.ids, task.accounts, task.rates, task.bookings)
        assert public == (first.ids, first.accounts, first.rates, first.bookings)
    exact = [0] * len(first.bookings)
    volumes = []
    for place, (account, rates) in enumerate(zip(first.accounts, first.rates, strict=True)):
        words = [signed(word) for word in together([task.volumes[place] for task in tasks])]
        exact[account] += amounts(Volumes(*words), Rates(*rates)).total
        volumes.append(deal([word % P for word in words], parties))
    due = deal([first.scale.cents.of(each) % P for each in exact], parties)
    shown = [deal(together([task.totals[k] for task in tasks]), parties) for k in range(len(first.totals))]
    return [
        ClosingResult(tuple(due[j]), tuple(each[j] for each in volumes), tuple(each[j] for each in shown), NO_EFFORT)
        for j in range(parties)
    ]


def signed(word: int) -> int:
    return word if word <= P // 2 else word - P
