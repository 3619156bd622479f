"""A disk that is full or slow, a clock that is off, caches that are cold, a ledger from a backup: a round in each.

Real processes on real file systems. The full disk is a small one with a party's home on it (or its files may not
grow); on the slow one every fsync of a party really takes a fifth of a second longer; backups are made and restored as
an operator does it.
"""

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path

from parties.launch.community import make_community
from parties.ledger import Ledger
from parties.service.life import FINAL
from soak.disks import NotHereError, SlowDisk, forget_cached, full, no_longer_files, small_disk
from soak.judge import Judgement, judge
from soak.live import LiveMarket
from soak.part import Part, Play, Product
from soak.steered import Meters, SteeredClock, draw

PARTIES, METERS = 3, 4
PERIOD_SECONDS, DEADLINE_SECONDS = 900, 600
OFF_SECONDS = 30.0
_FSYNC_MS = 200
_LONG_ENOUGH = 2.0
_SETTLE_SECONDS = 60.0

Hardship = Callable[["Trial", Meters, int], Awaitable[None]]


class Trial:
    """One market, and a round with each hardship. `party`: the one that has a hard time; `off`: its clock, seconds.

    `mount`: with a disk of its own for it, if that is permitted; else its files are kept from growing.
    `left_out`: what this machine does not permit. `slow`: how to run a party on a slow disk, if it can be done.
    """

    def __init__(
        self, play: Play, directory: Path, party: int = 1, off: float = OFF_SECONDS, *, mount: bool = True
    ) -> None:
        self.play, self.party, self.off, self._mount = play, party, off, mount
        self.community = make_community(directory, PARTIES, METERS, PERIOD_SECONDS, DEADLINE_SECONDS)
        self.market = LiveMarket(self.community)
        self.left_out: list[str] = []
        self._small = False
        self.slow: SlowDisk | None = None
        self.forgotten: set[int] = set()

    @property
    def home(self) -> Path:
        """Of that party."""
        return self.community.party_home(self.party)

    @property
    def others(self) -> list[int]:
        """The parties that have it good."""
        return [party for party in range(PARTIES) if party != self.party]

    def run(self, hardships: list[Hardship]) -> Judgement:
        """A round with each, then what was found."""
        with ExitStack() as stack:
            if self._mount:
                with suppress(NotHereError):
                    stack.enter_context(small_disk(self.home))
                    self._small = True
            try:
                self.slow = SlowDisk(self.community.directory, _FSYNC_MS)
            except NotHereError as reason:
                self.left_out.append(f"slow disk: {reason}")
            stack.enter_context(self.market)
            self.market.start()
            self.market.until_ready()
            asyncio.run(self._rounds(hardships))
            self.market.stop()
        asyncio.run(self._signed_nothing())
        for party in range(PARTIES):
            complaints = [line for line in self.market.log(party) if line["event"] == "event loop complains"]
            self.play.check(not complaints, f"party {party}: {complaints[:1]}")
        return judge(self.community, self.forgotten)

    async def _rounds(self, hardships: list[Hardship]) -> None:
        clock = SteeredClock(self.market.clock_file)
        async with Meters(self.community, clock) as meters:
            start = meters.market.rhythm.next_gate(clock.now_ms()) + PERIOD_SECONDS
            for hardship in hardships:
                clock.move_to(meters.market.rhythm.opens(start))
                await hardship(self, meters, start)
                start += PERIOD_SECONDS

    async def restart(self, ahead: float, slow: SlowDisk | None) -> None:
        """Stop that party and start it otherwise."""
        await asyncio.to_thread(self.market.stop, self.party)
        self.market.start(self.party, ahead=ahead, before=[] if slow is None else slow.command)

    def full_disk(self) -> AbstractContextManager[None]:
        """That party can store nothing meanwhile."""
        if self._small:
            return full(self.home)
        files = self.home / "ledger.db-wal", self.market.logs / f"party-{self.party}.log"
        return no_longer_files(self.market.processes[self.party].pid, *files)

    async def submit(self, meters: Meters, start: int) -> None:
        """Every meter's order, accepted by all parties."""
        accepted = await meters.submit(start, draw(self.play.random, self.community.meters))
        self.play.check(accepted == METERS, f"{METERS - accepted} orders were not accepted")

    async def finish(self, meters: Meters, start: int) -> None:
        """From the gate to the results."""
        meters.clock.move_to(meters.market.rhythm.gate(start))
        await meters.until(start, "result")
        await meters.collect(start)

    def number(self, metric: str, party: int) -> float:
        """What a metric of a party, with its labels, is at the moment; 0 if it is not there."""
        told = re.search(rf"^mpc_market_{re.escape(metric)} (\S+)$", self.market.private(party, "metrics") or "", re.M)
        return 0.0 if told is None else float(told[1])

    async def until(self, holds: Callable[[], bool]) -> bool:
        """Wait until that is so, for a while; whether it is."""
        for _ in range(int(_SETTLE_SECONDS / 0.2)):
            if await asyncio.to_thread(holds):
                return True
            await asyncio.sleep(0.2)
        return False

    async def _signed_nothing(self) -> None:
        """In rounds that it may have forgotten, that party's ledger holds no word that is not in its backup."""
        ledger = await Ledger.open(f"sqlite:///{self.home / 'ledger.db'}", self.party)
        try:
            for start in self.forgotten:
                signed = await ledger.outcome(self.community.running.id, start)
                self.play.check(signed is None, "an outcome signed in a round that may be forgotten")
        finally:
            await ledger.close()


async def full_disk(trial: Trial, meters: Meters, start: int) -> None:
    """A party can store nothing while orders come in, and again from the gate on: it says nothing it has not stored."""
    refused = 'refusals_total{reason="storage"}'
    await meters.until(start, "collecting")
    with trial.full_disk():
        before = trial.number(refused, trial.party)
        sending = asyncio.ensure_future(trial.submit(meters, start))
        said = await trial.until(lambda: trial.number(refused, trial.party) > before)
        trial.play.check(said, "the disk is full, and the party does not say so")
        trial.play.check(not sending.done(), "orders were accepted that could not be stored")
    await sending
    with trial.full_disk():
        meters.clock.move_to(meters.market.rhythm.gate(start))
        await meters.until(start, "closing", parties=trial.others)
        await asyncio.sleep(_LONG_ENOUGH)
        states = await meters.states(start)
        trial.play.check("result" not in states, "a result that one party cannot have stored")
    await trial.finish(meters, start)


async def behind_the_times(trial: Trial, meters: Meters, start: int) -> None:
    """One party's clock is half a minute off, and every fsync of its takes long. If it is ahead it closes its gate
    early, if it is behind the others wait for it: an order that all have acknowledged is in the set either way.
    """
    await trial.restart(trial.off, trial.slow)
    await trial.submit(meters, start)
    other, ahead = trial.others[0], f'peer_clock_ahead_seconds{{party="{trial.party}"}}'
    seen = await trial.until(lambda: abs(trial.number(ahead, other) - trial.off) < 2)
    trial.play.check(seen, "a peer's clock is off, and no metric says so")
    trial.play.check(not trial.market.is_ready(other), "a peer's clock is off, and all is said to be ready")
    if trial.off < 0:
        meters.clock.move_to(meters.market.rhythm.gate(start))
        await meters.until(start, "closing", parties=trial.others)
        meters.clock.move_to(meters.market.rhythm.gate(start) - int(1000 * trial.off))
    await trial.finish(meters, start)
    if trial.slow is not None:
        trial.play.check(trial.slow.delayed > METERS, "a party has stored all of it, and synchronised nothing")


async def cold_caches(trial: Trial, meters: Meters, start: int) -> None:
    """All parties are killed with orders acknowledged, and come back with nothing in memory, nor in the page cache."""
    await trial.submit(meters, start)
    trial.market.kill(*range(PARTIES))
    for party in range(PARTIES):
        forget_cached(trial.community.party_home(party))
    trial.market.start()
    await trial.finish(meters, start)


async def restored(trial: Trial, meters: Meters, start: int) -> None:
    """A party comes back with a ledger from the middle of a round that has ended: it signs nothing in it again."""
    backup = trial.community.directory / f"backup-{start}.db"
    await trial.submit(meters, start)
    await _command("party", "backup", "--home", trial.home, backup)
    await trial.finish(meters, start)
    trial.forgotten |= {start, start + PERIOD_SECONDS}  # the next one had opened too
    await asyncio.to_thread(trial.market.stop, trial.party)
    for piece in trial.home.glob("ledger.db*"):
        shutil.move(piece, backup.with_name(f"lost-{start}-{piece.name}"))
    await _command("party", "restore", "--home", trial.home, backup)
    trial.market.start(trial.party)
    await meters.until(start, "collecting", "closing", *FINAL, parties=[trial.party])


async def forgotten(trial: Trial, meters: Meters, start: int) -> None:
    """A round in which a restored party takes no part: the others can only declare it void."""
    clock, gate = meters.clock, meters.market.rhythm.gate(start)
    clock.move_to(gate)
    await meters.until(start, "closing", parties=trial.others)
    clock.move_to(gate + 1000 * DEADLINE_SECONDS)
    await meters.until(start, "void", parties=trial.others)


async def afterwards(trial: Trial, meters: Meters, start: int) -> None:
    """A round like any other."""
    await trial.submit(meters, start)
    await trial.finish(meters, start)


ALL: list[Hardship] = [full_disk, behind_the_times, cold_caches, restored, forgotten, afterwards]
"""In this sequence: where caches are cold all are started anew, and after a restore comes a round to stay out of."""

RESULTS = len(ALL) - 2
"""All but the one that its party has forgotten, and the void one."""


async def _command(*arguments: str | Path) -> None:
    """`mpc-market`, as an operator calls it. Raises: CalledProcessError."""
    command = [sys.executable, "-m", "parties.cli.main", *map(str, arguments)]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)


def run(play: Play) -> None:
    """Every party in trouble once, then again and again; each time in a new market, its clock ahead or behind."""
    product = Product(play, "hardships", [(each.__name__, party) for party in range(PARTIES) for each in ALL])
    while play.seconds_left:
        left = [party for _, party in product.left]
        party = left[0] if left else play.random.randrange(PARTIES)
        off, mount = play.random.choice((-OFF_SECONDS, OFF_SECONDS)), play.random.choice((True, False))
        trial = Trial(play, play.directory / f"market-{play.counts['markets']}", party, off, mount=mount)
        found = trial.run(ALL)
        play.count("markets")
        for each in ALL:
            product.done((each.__name__, party))
        for reason in trial.left_out:
            play.count(f"left out ({reason})")
        found.tell(play)
        play.check(found.count("result") == RESULTS, f"rounds: {found.rounds}")


PART = Part("hardships", 200, run)
