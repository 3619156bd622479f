"""Reports for people: what was found, what it proves, and what it does not."""

from collections.abc import Iterator, Sequence

from mpc_market.wire.identifiers import Stage
from parties.audit.agreeing import period_name
from parties.audit.orders import OrderReport
from parties.audit.tickets import Ticket
from parties.audit.verifying import Report, outcomes
from parties.files.problems import listed, printable

_PROVED = (
    "every chain is unbroken from its first record on: whoever has noted a digest of it, such as the last one above, "
    "can tell later whether anything before was changed, taken out or put in",
    "openings, sets and outcomes are signed by the parties that they name; each result by all {parties}, on one set of "
    "orders that all {parties} signed; each void round by a party that gave it up, or with different results",
    "the seed of each result follows from its signed set and from parts that the parties had committed to when they "
    "opened the round: nobody chose it, as long as one party kept its part to itself until all had signed the set",
    "how many submissions were excluded from each result, and for which reason: all {parties} have signed it",
    "the chains tell the same outcome of every round",
)

_NOT_PROVED = (
    "that price and accepted quantities follow from the orders: nobody sees those; it rests on the parties' "
    "following the protocol, and on what every meter checks of its own result",
    "that an order was taken into its round: a meter's evidence shows it (--evidence)",
    "who was excluded: a meter is told its own verdict, by every party; and that the verdicts are right",
    "that no round is missing at all parties, and that nothing came after the last record",
    "that a party stands by the chain it served: records are not signed as a whole, the messages in them are",
    "that these are the right public keys: compare the market file with that of others",
)


_SETTLED = (
    _PROVED[0],
    "openings, sets and outcomes are signed by the parties that they name; each result by all {parties}, on one set "
    "that all {parties} signed: of readings and tariffs, or of what a closing covers and of disputes",
    "how many readings were excluded from each result, and for which reason: all {parties} have signed it",
    "what was settled of a period was settled at the price that it was cleared at",
    "the chains tell the same outcome of every round",
)

_NOT_SETTLED = (
    "that entries and amounts follow from readings: nobody sees those; a user who doubts names an arbiter, who sees "
    "that user's own (`mpc-market meter dispute`)",
    "that a reading was taken into its round: an arbiter sees that too",
    *_NOT_PROVED[2:],
)


def report_lines(report: Report) -> Iterator[str]:
    """The whole report on the chains."""
    running = report.running
    parties = len(running.parties)
    yield f"market {running.id}, {parties} parties"
    for chain in report.chains:
        name = printable(running.parties[chain.party].name, 64)
        head = f", the last one with digest {chain.head.hex()}" if chain.count else ""
        yield f"  party {chain.party} ({name}): {_count(chain.count, 'record')}{head}"
    yield _rounds(report)
    yield from listed("PROOF OF FAULT", report.faults)
    yield from listed("WRONG", report.wrong)
    yield from listed("to know", report.notes)
    if report.rounds:
        but = "" if report.holds else ", but for what is named above"
        proved, unproved = (_PROVED, _NOT_PROVED) if report.stage is Stage.CLEARING else (_SETTLED, _NOT_SETTLED)
        yield from listed(f"proved{but}", [text.format(parties=parties) for text in proved])
        yield from listed("not proved", unproved)


def order_lines(order: OrderReport) -> Iterator[str]:
    """What a meter's evidence shows."""
    yield printable(order.name, 200)
    yield from listed("PROOF OF FAULT", order.faults)
    yield from listed("WRONG", order.wrong)
    yield from listed("proved", order.proved)
    yield from listed("not proved", order.unproved)
    yield from listed("tickets, earliest first", [ticket_line(each) for each in order.tickets])


def ticket_line(each: Ticket) -> str:
    """A ticket and the order that it was drawn for."""
    return f"{each.value.hex()}  {printable(each.order_id, 80)}"


def verdict_line(reports: Sequence[Report], orders: Sequence[OrderReport]) -> str:
    """How it ended, in one line."""
    both: list[Report | OrderReport] = [*reports, *orders]
    faults, wrong = sum(len(found.faults) for found in both), sum(len(found.wrong) for found in both)
    found = [_count(wrong, "thing") + " wrong"] if wrong else []
    found += [_count(faults, "proof") + " of a party's fault"] if faults else []
    return f"audit: {', '.join(found) or 'everything that can be checked holds'}"


def _rounds(report: Report) -> str:
    told = report.told()
    if not told:
        return "no round yet" if report.holds else "no record that holds"
    ended = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes(report).items()))
    between = f"from {period_name(min(told))} to {period_name(max(told))}"
    return f"{_count(len(told), 'round')} {between}: {ended}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
