"""kill -9 of every party's service and of its worker in every state of a round: the table of transitions says which.

One market of three parties goes from round to round. In each, one party's service is killed as it comes to a state
(or a moment later), and another party's worker as that one comes there; whatever is down is started again at once. For
the state void, one more party is killed and kept away until the deadline has passed.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from parties.launch.community import make_community
from parties.service.life import FINAL, TABLE, State
from soak.judge import Judgement, judge
from soak.live import LiveMarket
from soak.part import Part, Play
from soak.party import Strike, Struck, arm, struck
from soak.steered import Meters, SteeredClock, beside, draw

METERS, PARTIES = 4, 3
PERIOD_SECONDS, DEADLINE_SECONDS = 900, 600
_WARM_MS = 5_000

_NAMED = {state for (before, _), after in TABLE.items() for state in (before, after)}
STATES = tuple(state for state in State if state in _NAMED - {State.LOST})
"""Every state of the table that a party comes to without being restored from a backup (for that: `hardships`)."""

WITH_WORKER = (State.COLLECTING, State.CLOSING, State.AGREED, State.SEEDED, State.COMPUTING)
"""Where a party has a worker, or starts one."""


@dataclass(frozen=True)
class Case:
    """One round: `party`'s service is killed in `state`, and `worker`'s worker, if there is one in that state."""

    state: State
    party: int
    worker: int | None = None
    delay: float = 0.0

    def strikes(self, start: int) -> dict[int, list[Strike]]:
        """What each party is to do to itself."""
        found = {self.party: [Strike(start, self.state, "service", self.delay)]}
        if self.worker is not None:
            found.setdefault(self.worker, []).append(Strike(start, self.state, "worker", self.delay))
        return found


def one_each() -> list[Case]:
    """Every state once, another party each time."""
    workers = [(place + 1) % PARTIES if state in WITH_WORKER else None for place, state in enumerate(STATES)]
    return [Case(state, place % PARTIES, workers[place]) for place, state in enumerate(STATES)]


def every_one() -> list[Case]:
    """The full product of states, processes and parties."""
    services = [Case(state, party) for state in STATES for party in range(PARTIES)]
    return [
        replace(case, worker=(case.party + 1) % PARTIES) if case.state in WITH_WORKER else case for case in services
    ]


class Campaign:
    """One market, and round after round with a case in it."""

    def __init__(self, play: Play, directory: Path) -> None:
        self._play = play
        self.community = make_community(directory, PARTIES, METERS, PERIOD_SECONDS, DEADLINE_SECONDS)
        self.fallen: list[Struck] = []
        self.restarts = 0
        self._down: set[int] = set()

    def run(self, cases: Sequence[Case]) -> Judgement:
        """All cases, while there is time; then what was found."""
        with LiveMarket(self.community) as market:
            market.start()
            market.until_ready()
            asyncio.run(self._rounds(market, cases))
            market.stop()
        self.fallen = [each for party in range(PARTIES) for each in struck(self.community.party_home(party))]
        return judge(self.community)

    async def _rounds(self, market: LiveMarket, cases: Sequence[Case]) -> None:
        clock = SteeredClock(market.clock_file)
        async with Meters(self.community, clock) as meters:
            rhythm = meters.market.rhythm
            start = rhythm.next_gate(clock.now_ms()) + 2 * PERIOD_SECONDS
            self._arm(cases, start)
            for case in cases:
                if not self._play.seconds_left:
                    break
                await beside(self._round(market, meters, start, case), lambda: self._revive(market))
                start += PERIOD_SECONDS

    def _arm(self, cases: Sequence[Case], first: int) -> None:
        """All beforehand: a round opens while the one before is computed."""
        strikes: dict[int, list[Strike]] = {party: [] for party in range(PARTIES)}
        for place, case in enumerate(cases):
            for party, some in case.strikes(first + place * PERIOD_SECONDS).items():
                strikes[party] += some
        for party, all_of_it in strikes.items():
            arm(self.community.party_home(party), all_of_it)

    def _revive(self, market: LiveMarket) -> None:
        self.restarts += market.revive(*self._down)

    async def _round(self, market: LiveMarket, meters: Meters, start: int, case: Case) -> None:
        clock, gate = meters.clock, meters.market.rhythm.gate(start)
        clock.move_to(meters.market.rhythm.opens(start))
        await meters.submit(start, draw(self._play.random, self.community.meters))
        if case.state in FINAL:  # nobody was hit yet: it has acknowledged orders, and nothing else
            market.kill(case.party)
        if case.state is State.VOID:
            self._down = {(case.party + 1) % PARTIES}
            market.kill(*self._down)
        clock.move_to(gate - _WARM_MS)
        if case.state is State.COLLECTING and case.worker is not None:
            while not self._worker_struck(case, start):
                await asyncio.sleep(0.05)
        clock.move_to(gate)
        if case.state is State.VOID:
            await meters.until(start, "closing", parties=[case.party])
            clock.move_to(gate + 1000 * DEADLINE_SECONDS)
            await meters.until(start, *FINAL, parties=[each for each in range(PARTIES) if each not in self._down])
            self._down = set()
        await meters.until(start, *FINAL)
        await meters.collect(start)

    def _worker_struck(self, case: Case, start: int) -> bool:
        assert case.worker is not None
        fallen = struck(self.community.party_home(case.worker))
        return any((each.strike.process, each.strike.start) == ("worker", start) for each in fallen)


def run(play: Play) -> None:
    """The product in a random sequence, again and again, half of the strikes a moment after the state was stored."""
    while play.seconds_left:
        cases = every_one()
        play.random.shuffle(cases)
        cases = [replace(case, delay=play.random.choice((0.0, play.random.uniform(0, 0.3)))) for case in cases]
        campaign = Campaign(play, play.directory / f"market-{play.counts['markets']}")
        found = campaign.run(cases)
        play.count("markets")
        for each in campaign.fallen:
            if each.killed:
                play.count(f"kills of a {each.strike.process}")
        found.tell(play)
        play.check(found.count("pending") == 0, "rounds that never ended")


PART = Part("crashes", 6, run)
