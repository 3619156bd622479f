"""Three hosts and the meters on a fourth, over lines that are slow, lossy, narrow, or cut for half a minute.

Whatever the lines do, a round clears as the plaintext rule says, or is void.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from parties.launch.community import make_community
from parties.service.life import FINAL
from parties.setup.addresses import addresses_from
from soak.hosts import Hosts, why_not
from soak.judge import Judgement, judge
from soak.live import LiveMarket
from soak.part import Part, Play, Product
from soak.steered import Meters, SteeredClock, draw
from soak.switch import Line

PARTIES, METERS_HOST = 3, 3
PERIOD_SECONDS, DEADLINE_SECONDS = 900, 600
_PORT = 8443


@dataclass(frozen=True)
class Weather:
    """What the lines are like in one round. `cut`: the hosts that are cut off when the gate closes, for `seconds`; or
    until the deadline has passed, if that is None.
    """

    line: Line
    cut: tuple[int, ...] = ()
    seconds: float | None = 0.0


GOOD = Line(5, 100)
"""10 ms round trip and 100 Mbit/s."""

BAD = Line(40, 2, 0.02)
"""80 ms round trip, 2 Mbit/s, and every fiftieth packet is lost."""


class Region:
    """A market on hosts of its own, and rounds in all weathers."""

    def __init__(
        self,
        play: Play,
        directory: Path,
        hosts: Hosts,
        meters: int = 4,
        settlement: Mapping[str, str] | None = None,
    ) -> None:
        self.play, self.hosts = play, hosts
        places = [addresses_from((address, _PORT)) for address in hosts.addresses[:PARTIES]]
        self.community = make_community(
            directory, PARTIES, meters, PERIOD_SECONDS, DEADLINE_SECONDS, places, settlement
        )
        self.played: list[Weather] = []

    def run(self, weathers: Sequence[Weather]) -> Judgement:
        """One round in each, while there is time; then what was found. `played`: in which there was one."""
        with LiveMarket(self.community, self.hosts) as market:
            market.start()
            market.until_ready()
            with self.hosts.inside(METERS_HOST):
                asyncio.run(self._rounds(market, weathers))
            market.stop()
        return judge(self.community)

    async def _rounds(self, market: LiveMarket, weathers: Sequence[Weather]) -> None:
        clock = SteeredClock(market.clock_file)
        async with Meters(self.community, clock) as meters:
            start = meters.market.rhythm.next_gate(clock.now_ms()) + PERIOD_SECONDS
            for weather in weathers:
                if not self.play.seconds_left:
                    break
                await asyncio.to_thread(self.hosts.shape, weather.line)
                await self.round(meters, start, weather)
                self.played.append(weather)
                start += PERIOD_SECONDS

    async def round(self, meters: Meters, start: int, weather: Weather) -> None:
        """One round from its opening to the results."""
        clock, gate = meters.clock, meters.market.rhythm.gate(start)
        clock.move_to(meters.market.rhythm.opens(start))
        await meters.submit(start, draw(self.play.random, self.community.meters))
        if weather.cut:
            await asyncio.to_thread(self.hosts.cut, *weather.cut)
        clock.move_to(gate)
        there = [party for party in range(PARTIES) if party not in weather.cut]
        if weather.cut and weather.seconds is None:
            await meters.until(start, "closing", parties=there)
            clock.move_to(gate + 1000 * DEADLINE_SECONDS)
            await meters.until(start, *FINAL, parties=there)
        elif weather.seconds:
            await asyncio.sleep(weather.seconds)
        await asyncio.to_thread(self.hosts.cut)
        await meters.until(start, *FINAL)
        await meters.collect(start)


Cut = tuple[tuple[int, ...], float | None]

CUTS: list[Cut] = [
    ((), 0.0),
    *(((party,), 30.0) for party in range(PARTIES)),
    *(((party,), None) for party in range(PARTIES)),
    ((0, 1), 30.0),
    ((0, 1), None),
    ((METERS_HOST,), 30.0),
]
"""Which hosts are cut off, and for how long: nobody; each party for half a minute, and until the deadline has passed;
two of them; the meters.
"""


def draw_line(source: random.Random) -> Line:
    """Some lines of the soak."""
    return Line(source.choice((0, 5, 50, 150)), source.choice((0, 1, 10, 100)), source.choice((0, 0, 0.01, 0.05)))


def run(play: Play) -> None:
    """Every cut once over some lines, in a random sequence, then again and again: one market after the other."""
    if (reason := why_not()) is not None:
        play.skip(reason)
    product = Product(play, "cuts", CUTS)
    while play.seconds_left:
        cuts = product.left[:] or CUTS[:]
        play.random.shuffle(cuts)
        with Hosts(PARTIES + 1) as hosts:
            region = Region(play, play.directory / f"market-{play.counts['markets']}", hosts)
            found = region.run([Weather(draw_line(play.random), *cut) for cut in cuts])
            play.count("markets")
            for weather in region.played:
                product.done((weather.cut, weather.seconds))
            for what, number in hosts.frames().items():
                play.count(f"packets {what}", number)
        found.tell(play)
        play.check(found.count("pending") == 0, "rounds that never ended")


PART = Part("lines", 290, run)
