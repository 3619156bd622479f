"""kill -9 of every party's service and worker in every state of settlements, corrections and closings.

Each market goes through one month (`month`) with several cases in it: one in each round in which something is computed.
Whatever is down is started again at once. In the end every amount, total
and line of a bill is what the plaintext rule says, and no party has said two things of one round.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mpc_market.wire.identifiers import Stage
from parties.launch.community import make_community
from parties.service.life import State
from soak.judge import judge, judge_stage
from soak.live import LiveMarket
from soak.month import CALENDAR, METERS, PERIOD_SECONDS, LiveMonth, mistakes
from soak.part import Part, Play
from soak.parts.crashes import DEADLINE_SECONDS, PARTIES, STATES
from soak.party import Strike, Struck, arm, struck
from soak.steered import SteeredClock, beside

STAGES = (Stage.SETTLEMENT, Stage.CORRECTION, Stage.CLOSING)
RESULTS = tuple(state for state in STATES if state is not State.VOID)
"""The states on the way to a result."""


@dataclass(frozen=True)
class Case:
    """In a round of that stage, `party`'s service or worker is killed as it comes to `state`."""

    stage: Stage
    state: State
    party: int
    process: str = "service"


def one_each() -> list[Case]:
    """Every stage once, service and worker, another party and state each time."""
    return [
        Case(Stage.SETTLEMENT, State.COMPUTING, 0),
        Case(Stage.SETTLEMENT, State.COMPUTING, 1, "worker"),
        Case(Stage.CORRECTION, State.CLOSING, 1),
        Case(Stage.CORRECTION, State.COMPUTING, 2, "worker"),
        Case(Stage.CLOSING, State.COMPUTING, 2),
        Case(Stage.CLOSING, State.COMPUTING, 1, "worker"),
    ]


def every_one() -> list[Case]:
    """The full product: services in every state, workers where there is one."""
    parties = range(PARTIES)
    services = [Case(stage, state, party) for stage in STAGES for state in RESULTS for party in parties]
    return services + [Case(stage, State.COMPUTING, party, "worker") for stage in STAGES for party in parties]


class Campaign:
    """One market and its month, with cases in it."""

    def __init__(self, directory: Path) -> None:
        self.community = make_community(
            directory, PARTIES, METERS, PERIOD_SECONDS, DEADLINE_SECONDS, settlement=CALENDAR
        )
        self.fallen: list[Struck] = []
        self.restarts = 0
        self.wrong: list[str] = []
        self.months: dict[Stage, list[int]] = {}
        """By stage, the starts of its rounds."""

    def run(self, cases: Sequence[Case]) -> None:
        """All of it; `wrong` and `fallen` say what has come of it."""
        with LiveMarket(self.community) as market:
            market.start()
            market.until_ready()
            asyncio.run(self._month(market, cases))
            market.stop()
        self.fallen = [each for party in range(PARTIES) for each in struck(self.community.party_home(party))]
        self.wrong += judge(self.community).wrong
        for stage, rounds in self.months.items():
            found = judge_stage(self.community, stage, rounds)
            self.wrong += found.wrong
            self.wrong += [f"{stage} of {start}: {state}" for start, state in found.rounds.items() if state != "result"]

    async def _month(self, market: LiveMarket, cases: Sequence[Case]) -> None:
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

    def _arm(self, cases: Sequence[Case]) -> None:
        """Each case in a round of its stage in which something is computed, in turn."""
        rounds = {**self.months, Stage.CORRECTION: self.months[Stage.CORRECTION][:1]}
        strikes: dict[int, list[Strike]] = {party: [] for party in range(PARTIES)}
        placed = dict.fromkeys(STAGES, 0)
        for case in cases:
            starts = rounds[case.stage]
            start = starts[placed[case.stage] % len(starts)]
            placed[case.stage] += 1
            strikes[case.party].append(Strike(start, case.state, case.process, stage=case.stage))
        for party, all_of_it in strikes.items():
            arm(self.community.party_home(party), all_of_it)


def _batches(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """As many cases of each stage as a month has rounds for them, until none is left."""
    left = {stage: iter([case for case in cases if case.stage is stage]) for stage in STAGES}
    sizes = {Stage.SETTLEMENT: 2, Stage.CORRECTION: 1, Stage.CLOSING: 2}
    while batch := [case for stage in STAGES for case in islice(left[stage], sizes[stage])]:
        yield batch


def run(play: Play) -> None:
    """The product in a random sequence, again and again."""
    while play.seconds_left:
        cases = every_one()
        play.random.shuffle(cases)
        for batch in _batches(cases):
            if not play.seconds_left:
                return
            campaign = Campaign(play.directory / f"market-{play.counts['months']}")
            campaign.run(batch)
            play.count("months")
            for each in campaign.fallen:
                if each.killed:
                    play.count(f"kills of a {each.strike.process}")
            play.check(not campaign.wrong, "; ".join(campaign.wrong[:5]))


PART = Part("settlement", 4, run)
