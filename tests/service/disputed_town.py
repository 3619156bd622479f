"""A settled town whose users have real homes and stores, and an arbiter whom they can name."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import delete, select, update

from mpc_market.rules.model import Side
from mpc_market.wire.claim import Claimant, make_claim
from mpc_market.wire.codec import P, bytes_words, words_bytes
from mpc_market.wire.dispute import DisputeRequest, sign_dispute
from mpc_market.wire.identifiers import Period, Stage
from mpc_market.wire.layout import Reading
from mpc_market.wire.sheet import Content
from mpc_market.wire.signing import SigningKey
from parties.arbiter.case import Case
from parties.arbiter.fetching import Fetching
from parties.arbiter.home import ArbiterHome, make_arbiter_home
from parties.arbiter.judging import Judgement, judge
from parties.client.api import Api, pinned
from parties.files.disputes import DisputeFile, read_dispute
from parties.files.problems import Problems
from parties.ledger.schema import results, submissions
from parties.meter.disputing import prepare_dispute, send_dispute
from parties.meter.forecast import Wish
from parties.meter.home import create_home, open_home
from parties.meter.market import Market
from parties.meter.market import Meter as User
from parties.meter.readings import send_reading
from parties.meter.rounds import Rounds
from parties.meter.store import Store
from parties.meter.submitting import submit
from parties.service.life import State
from tests.service.service_town import PERIOD, START, Meter, problem
from tests.service.settled_town import END, PRICED, SettledTown

MONTH, NEXT = START, START + 3600
ANNA, BEN, CARL, DORA = (f"meter-{i}" for i in range(4))
ORDERS = {ANNA: (Side.SELL, 10, 40), BEN: (Side.BUY, 30, 60), CARL: (Side.BUY, 20, 9), DORA: (Side.BUY, 31, 7)}
READINGS = {ANNA: (0, 35), BEN: (99, 0), CARL: (12, 3), DORA: (5, 0)}
JSON = {"content-type": "application/octet-stream"}


class DisputedTown(SettledTown):
    """Its users are clients as they are sold; `order`, `read` and `dispute` go over HTTPS to all parties."""

    def __init__(self, path: Path, names: Sequence[str] = (ANNA, BEN, CARL, DORA), maximum: int = 200, **changes):
        self.maximum = maximum
        meters = [Meter(name, maximum=maximum) for name in names]
        for meter in meters:
            home = path.parent / "homes" / meter.id
            kwh = changes.get("settings", PRICED).quantity_text(maximum)
            made = create_home(home, meter.id, str(path / "market.toml"), kwh)
            meter.key, meter.sealing = made.identity, made.sealing
        super().__init__(path, meters, **changes)
        self.arbiter: ArbiterHome = make_arbiter_home(path / "arbiter", "ombudsman")
        self.seen = Market(self.market)

    def user(self, name: str) -> User:
        home = open_home(self.path.parent / "homes" / name)
        return User(home, Store(home.store, name), self.maximum)

    def api(self, stage: Stage = Stage.CLEARING) -> Api:
        return Api(self.name(stage), pinned(self.market, self.clock.now_ms() // 1000))

    async def order(self, name: str, side: Side, price: int, quantity: int) -> None:
        async with self.api() as api:
            done = await submit(
                self.user(name),
                Rounds(api, self.seen, UserClock(self.clock)),
                START,
                [Wish(side, price, quantity)],
                replace=True,
            )
        assert done.accepted, done.troubles

    async def meter_reads(self, name: str, imported: int, exported: int) -> None:
        stage = Stage.SETTLEMENT
        async with self.api(stage) as api:
            rounds = Rounds(api, self.seen.at(stage), UserClock(self.clock))
            done = await send_reading(self.user(name), rounds, START, Reading(imported, exported))
        assert done.accepted, done.troubles

    async def contest(self, name: str, starts: list[int], month: int | None = None) -> DisputeFile:
        """Sign, send to all parties, and write the evidence."""
        return await self.contest_as(name, starts, month, name)

    async def contest_as(self, name: str, starts: list[int], month: int | None, file: str) -> DisputeFile:
        """Another dispute of the same user."""
        self.clock.move_to(self.clock.now_ms() + 1)
        out = self.path / f"{file}.json"
        made = prepare_dispute(self.user(name), self.seen, self.arbiter.public, starts, month, self.clock.now_ms(), out)
        async with self.api() as api:
            assert await send_dispute(api, self.seen, made, out) == {}
        problems = Problems()
        kept = read_dispute(out, problems)
        assert kept is not None, problems.shown
        assert len(kept.receipts) == self.parties
        return kept

    async def fetched(self, dispute: DisputeFile) -> Case:
        return await Fetching(self.market, self.arbiter, dispute).run(self.clock.now_ms() // 1000)

    def judged(self, case: Case) -> Judgement:
        return judge(case, self.market, self.arbiter)

    async def post_dispute(self, party: int, body: bytes):
        async with self.client(party) as client:
            return await client.post("disputes", content=body, headers=JSON)

    async def refused(self, request: DisputeRequest, key) -> str:
        return problem(await self.post_dispute(0, sign_dispute(request, key)))

    async def disclosure(self, key: SigningKey, start: int, *, meter: str = BEN, number: int = 7):
        """What party 0 answers to a claim with this key."""
        terms = replace(await self.terms(), period=Period(self.market.id, start))
        claim = make_claim(terms, 0, Claimant.ARBITER, self.arbiter.public.name, key)
        path = f"periods/{start}/disclosures/{meter}/{number}"
        return await self.get(0, path, headers={"authorization": f"Claim {claim.hex()}"})

    async def amounts_of(self, name: str) -> int:
        """What a user is told that it owes."""
        keys = next((meter.key, meter.sealing) for meter in self.meters if meter.id == name)
        ((_, amount),) = await self.sheet(Content.AMOUNTS, Claimant.METER, name, keys, MONTH)
        return amount

    def empty_case(self, request: bytes, identity_key: bytes) -> Case:
        return Case(DisputeFile(request, identity_key, (), ()), {}, {})

    async def command(self, *arguments: object) -> tuple[int, str]:
        """What `mpc-market …` says, in a process of its own, and how it ends."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "parties.cli.main", *map(str, arguments),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, said.decode()

    # --- what goes wrong

    async def lose(self, party: int, name: str) -> None:
        """A party drops an order that it has acknowledged, before the gate."""
        database = self.services[party].node.ledger._database
        statement = delete(submissions).where(submissions.c.meter == name, submissions.c.market == self.market.id)
        await database.write(lambda connection: connection.execute(statement))

    async def falsify(self, name: str) -> None:
        """All parties together settle a lot more than the user has read."""
        market = self.name(Stage.SETTLEMENT)
        row = results.c.meter == name, results.c.market == market, results.c.start == START
        for party in range(self.parties):
            database = self.services[party].node.ledger._database
            ((words,),) = await database.read(select(results.c.words).where(*row))
            entry = list(bytes_words(words))
            entry[2] = (entry[2] + 1) % P
            changed = update(results).where(*row).values(words=words_bytes(entry))
            await database.write(lambda connection, changed=changed: connection.execute(changed))

    # --- a month

    async def live(self) -> None:
        """A period with trade, of which party 2 loses an order; its settlement; the closing of its month."""
        await self.publish("sun", 1, START, 50, 10, 5)
        await self.until(State.COLLECTING)
        await self.order(BEN, Side.BUY, 1, 1)  # replaced by the next one
        await asyncio.gather(*(self.order(name, *order) for name, order in ORDERS.items()))
        await self.lose(2, DORA)
        await self.run_round()
        self.clock.move_to(1000 * END)
        await self.until_stage(Stage.SETTLEMENT, State.COLLECTING)
        await asyncio.gather(*(self.meter_reads(name, *reading) for name, reading in READINGS.items()))
        await self.until_stage(Stage.SETTLEMENT, State.RESULT)
        await self.correcting(range(MONTH, NEXT, PERIOD))
        self.clock.move_to(1000 * (NEXT + 900) + 1_200_000 + 600_000)
        await self.until_stage(Stage.CLOSING, State.RESULT, start=MONTH)
        for start in range(MONTH, NEXT, PERIOD):
            await self.until_stage(Stage.CORRECTION, State.RESULT, start=start)
        assert [await self.state(party) for party in range(3)] == [State.RESULT] * 3


class UserClock:
    """The town's time; a pause is one in real time."""

    def __init__(self, clock):
        self.now_ms, self.until = clock.now_ms, clock.until

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.2))


def lied(dispute: DisputeFile) -> DisputeFile:
    """The same evidence of a user who says that it has ordered something else."""
    first, *rest = dispute.submissions
    assert first.orders is not None
    orders = tuple(replace(order, quantity=order.quantity + 1) for order in first.orders)
    return replace(dispute, submissions=(replace(first, orders=orders), *rest))
