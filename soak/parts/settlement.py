"""kill -9 of every party's service and worker in every state of settlements, corrections and closings.

Each market goes through one month (`month`), with one service killed in every state of a settlement, of the correction
in which something is computed, and of a closing, and with a worker in each. Whatever is down is started again at once.
In the end every amount, total and line of a bill is what the plaintext rule says, and no party has said two things of
one round. Several such markets go on at once.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path

from mpc_market.wire.identifiers import Stage
from parties.launch.community import make_community
from parties.service.life import State
from parties.setup.addresses import Addresses
from soak.judge import judge, judge_stage
from soak.kills import WORKER, Kill, arm_all, fallen, in_rounds
from soak.lanes import places_apart, side_by_side
from soak.live import LiveMarket
from soak.month import CALENDAR, METERS, PERIOD_SECONDS, LiveMonth, mistakes
from soak.part import Part, Play, Product
from soak.parts.crashes import DEADLINE_SECONDS, MARKETS, PARTIES, STATES
from soak.steered import SteeredClock, beside

STAGES = (Stage.SETTLEMENT, Stage.CORRECTION, Stage.CLOSING)
RESULTS = tuple(state for state in STATES if state is not State.VOID)
"""The states on the way to a result."""

Cases = Mapping[Stage, Sequence[Sequence[Kill]]]
"""By stage, for each round of it in a month in which something is computed: whom to kill. There may be fewer."""

ONE_EACH: Cases = {
    Stage.SETTLEMENT: [
        [Kill(State.COMPUTING, 0, stage=Stage.SETTLEMENT)],
        [Kill(State.COMPUTING, 1, WORKER, Stage.SETTLEMENT)],
    ],
    Stage.CORRECTION: [
        [Kill(State.CLOSING, 1, stage=Stage.CORRECTION), Kill(State.COMPUTING, 2, WORKER, Stage.CORRECTION)]
    ],
    Stage.CLOSING: [
        [Kill(State.COMPUTING, 2, stage=Stage.CLOSING)],
        [Kill(State.COMPUTING, 1, WORKER, Stage.CLOSING)],
    ],
}
"""Every stage, service and worker, another party and state each time."""


def every_one() -> list[Kill]:
    """The full product: services in every state, workers where there is one."""
    parties = range(PARTIES)
    services = [Kill(state, party, stage=stage) for stage in STAGES for state in RESULTS for party in parties]
    return services + [Kill(State.COMPUTING, party, WORKER, stage) for stage in STAGES for party in parties]


def months_for(kills: Sequence[Kill]) -> list[Cases]:
    """All of them, with one round of each stage in each month."""
    by_stage = [in_rounds([kill for kill in kills if kill.stage is stage]) for stage in STAGES]
    return [
        {stage: [round_] for stage, round_ in zip(STAGES, month, strict=True)}
        for month in zip_longest(*by_stage, fillvalue=())
    ]


class Campaign:
    """One market and its month, with kills in it."""

    def __init__(self, directory: Path, places: Sequence[Addresses] = ()) -> None:
        self.community = make_community(
            directory, PARTIES, METERS, PERIOD_SECONDS, DEADLINE_SECONDS, places, settlement=CALENDAR
        )
        self.fallen: list[Kill] = []
        self.restarts = 0
        self.wrong: list[str] = []
        self.months: dict[Stage, list[int]] = {}
        """By stage, the starts of its rounds."""

    def run(self, cases: Cases) -> None:
        """All of it; `wrong` and `fallen` say what has come of it."""
        with LiveMarket(self.community) as market:
            market.start()
            market.until_ready()
            asyncio.run(self._month(market, cases))
            market.stop()
        self.fallen = fallen(self.community)
        self.wrong += judge(self.community).wrong
        for stage, rounds in self.months.items():
            found = judge_stage(self.community, stage, rounds)
            self.wrong += found.wrong
            self.wrong += [f"{stage} of {start}: {state}" for start, state in found.rounds.items() if state != "result"]

    async def _month(self, market: LiveMarket, cases: Cases) -> None:
        clock = SteeredClock(market.clock_file)
        async with LiveMonth.of(self.community, clock) as month:
            self.months = dict.fromkeys((Stage.SETTLEMENT, Stage.CORRECTION), month.starts)
            self.months[Stage.CLOSING] = [month.first, month.next]
            self._arm(cases)
            await beside(month.run(), lambda: self._revive(market))
            market.until_ready()
            self.wrong += await mistakes(month)

    def _revive(self, market: LiveMarket) -> None:
        self.restarts += market.revive()

    def _arm(self, cases: Cases) -> None:
        """Each in a round of its stage in which something is computed."""
        rounds = {**self.months, Stage.CORRECTION: self.months[Stage.CORRECTION][:1]}
        placed = [
            (start, kill)
            for stage, of_stage in cases.items()
            for start, kills in zip(rounds[stage], of_stage, strict=False)
            for kill in kills
        ]
        arm_all(self.community, placed)


def run(play: Play) -> None:
    """The product in a random sequence, again and again."""
    product = Product(play, "kills", every_one())
    while play.seconds_left:
        kills = product.left[:] or every_one()
        play.random.shuffle(kills)
        months = months_for(kills)[:MARKETS]
        campaigns = [
            Campaign(play.directory / f"market-{play.counts['months'] + lane}", places)
            for lane, places in enumerate(places_apart(len(months), PARTIES))
        ]
        side_by_side([partial(each.run, cases) for each, cases in zip(campaigns, months, strict=True)])
        for campaign in campaigns:
            play.count("months")
            for kill in campaign.fallen:
                product.done(kill)
            play.check(not campaign.wrong, "; ".join(campaign.wrong[:5]))


PART = Part("settlement", 330, run)
