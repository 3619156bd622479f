"""kill -9 of every party's service and of its worker in every state of a round: the table of transitions says which.

A market of three parties goes from round to round. In a round one service is killed in each state, as its party comes
there; or one worker in each state in which there are any; whatever is down is started again at once. For the state
void there are rounds of their own, in which one more party is killed and kept away until the deadline has passed.
Several such markets go on at once.
"""

import asyncio
import random
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from parties.launch.community import make_community
from parties.service.life import FINAL, TABLE, State
from parties.setup.addresses import Addresses
from soak.judge import Judgement, judge
from soak.kills import SERVICE, WORKER, Kill, arm_all, fallen, in_rounds
from soak.lanes import places_apart, side_by_side
from soak.live import LiveMarket
from soak.part import Part, Play, Product
from soak.party import struck
from soak.steered import Meters, SteeredClock, beside, draw

METERS, PARTIES, MARKETS = 4, 3, 3
PERIOD_SECONDS, DEADLINE_SECONDS = 900, 600
_WARM_MS = 5_000

_NAMED = {state for (before, _), after in TABLE.items() for state in (before, after)}
STATES = tuple(state for state in State if state in _NAMED - {State.LOST})
"""Every state of the table that a party comes to without being restored from a backup (for that: `hardships`)."""

WITH_WORKER = (State.COLLECTING, State.CLOSING, State.AGREED, State.SEEDED, State.COMPUTING)
"""Where a party has a worker, or starts one."""


def one_each() -> list[list[Kill]]:
    """A round for every state: a service is killed there and another party's worker, another one each time."""
    rounds = [[Kill(state, place % PARTIES)] for place, state in enumerate(STATES)]
    for place, state in enumerate(STATES):
        if state in WITH_WORKER:
            rounds[place].append(Kill(state, (place + 1) % PARTIES, WORKER))
    return rounds


def every_one() -> list[Kill]:
    """The full product of states, processes and parties."""
    parties = range(PARTIES)
    services = [Kill(state, party) for state in STATES for party in parties]
    return services + [Kill(state, party, WORKER) for state in WITH_WORKER for party in parties]


def rounds_for(kills: Iterable[Kill]) -> list[list[Kill]]:
    """Services in rounds of their own: whose service has just been killed may have no worker in the next state."""
    kills = list(kills)
    void = [kill for kill in kills if kill.state is State.VOID]
    services = in_rounds(kill for kill in kills if kill.process == SERVICE and kill not in void)
    workers = in_rounds(kill for kill in kills if kill.process == WORKER)
    return [*services, *workers, *([kill] for kill in void)]


class Campaign:
    """One market, and round after round with kills in it, each `delay` seconds after its state is stored."""

    def __init__(self, play: Play, directory: Path, places: Sequence[Addresses] = (), delay: float = 0.0) -> None:
        self._play, self._random, self._delay = play, random.Random(f"{play.seed}/{directory.name}"), delay
        self.community = make_community(directory, PARTIES, METERS, PERIOD_SECONDS, DEADLINE_SECONDS, places)
        self.fallen: list[Kill] = []
        self.restarts = 0
        self._down: set[int] = set()

    def run(self, rounds: Sequence[Sequence[Kill]]) -> Judgement:
        """All rounds, while there is time; then what was found."""
        with LiveMarket(self.community) as market:
            market.start()
            market.until_ready()
            asyncio.run(self._rounds(market, rounds))
            market.stop()
        self.fallen = fallen(self.community)
        return judge(self.community)

    async def _rounds(self, market: LiveMarket, rounds: Sequence[Sequence[Kill]]) -> None:
        clock = SteeredClock(market.clock_file)
        async with Meters(self.community, clock) as meters:
            rhythm = meters.market.rhythm
            first = rhythm.next_gate(clock.now_ms()) + 2 * PERIOD_SECONDS
            starts = [first + place * PERIOD_SECONDS for place in range(len(rounds))]
            # all beforehand: a round opens while the one before is computed
            placed = [(each, kill) for each, kills in zip(starts, rounds, strict=True) for kill in kills]
            arm_all(self.community, placed, self._delay)
            for start, kills in zip(starts, rounds, strict=True):
                if not self._play.seconds_left:
                    break
                await beside(self._round(market, meters, start, kills), lambda: self._revive(market))

    def _revive(self, market: LiveMarket) -> None:
        self.restarts += market.revive(*self._down)

    async def _round(self, market: LiveMarket, meters: Meters, start: int, kills: Sequence[Kill]) -> None:
        clock, gate = meters.clock, meters.market.rhythm.gate(start)
        clock.move_to(meters.market.rhythm.opens(start))
        await meters.submit(start, draw(self._random, self.community.meters))
        void = next((kill.party for kill in kills if kill.state is State.VOID), None)
        market.kill(
            *{kill.party for kill in kills if kill.state in FINAL}
        )  # with acknowledged orders, and nothing else
        if void is not None:
            self._down = {(void + 1) % PARTIES}
            market.kill(*self._down)
        clock.move_to(gate - _WARM_MS)
        for kill in kills:
            while (kill.state, kill.process) == (State.COLLECTING, WORKER) and not self._worker_struck(
                kill.party, start
            ):
                await asyncio.sleep(0.05)
        clock.move_to(gate)
        if void is not None:
            await meters.until(start, "closing", parties=[void])
            clock.move_to(gate + 1000 * DEADLINE_SECONDS)
            await meters.until(start, *FINAL, parties=[each for each in range(PARTIES) if each not in self._down])
            self._down = set()
        await meters.until(start, *FINAL)
        await meters.collect(start)

    def _worker_struck(self, party: int, start: int) -> bool:
        fallen = struck(self.community.party_home(party))
        return any((each.strike.process, each.strike.start) == (WORKER, start) for each in fallen)


def run(play: Play) -> None:
    """The product in a random sequence, then again and again, a moment after the state was stored."""
    product = Product(play, "kills", every_one())
    while play.seconds_left:
        kills = product.left[:] or every_one()
        delay = 0.0 if product.left else play.random.uniform(0, 0.3)
        play.random.shuffle(kills)
        rounds = rounds_for(kills)
        campaigns = [
            Campaign(play, play.directory / f"market-{play.counts['markets'] + lane}", places, delay)
            for lane, places in enumerate(places_apart(min(MARKETS, len(rounds)), PARTIES))
        ]
        lanes = [partial(campaign.run, rounds[lane::MARKETS]) for lane, campaign in enumerate(campaigns)]
        for campaign, found in zip(campaigns, side_by_side(lanes), strict=True):
            play.count("markets")
            for kill in campaign.fallen:
                product.done(kill)
            found.tell(play)
            play.check(found.count("pending") == 0, "rounds that never ended")


PART = Part("crashes", 280, run)
