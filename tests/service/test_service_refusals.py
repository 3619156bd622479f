"""Every refusal: its own problem type, and nothing of the request in it."""

import asyncio
import contextlib
import json
import secrets
from dataclasses import replace

import httpx
import pytest

from mpc_market.rules.model import Side
from mpc_market.wire.codec import P, words_bytes
from mpc_market.wire.digest import digest
from mpc_market.wire.header import Header
from mpc_market.wire.sealing import seal
from mpc_market.wire.signing import SigningKey
from mpc_market.wire.submission import InputShare, Seal, Submission, of_shares, sealed_text
from parties.ledger import LedgerError
from parties.service import http, intake
from parties.service.life import State
from parties.service.problems import MEDIA_TYPE, Problem
from tests.service.service_running import asynchronous
from tests.service.service_town import PERIOD, START, Meter, Town, problem

WORDS = 1 + 6 + 2 * 8
ORDER = (Side.BUY, 37, 151)


@pytest.mark.parametrize("each", Problem)
def test_every_problem_has_a_type_of_its_own(each):
    document = each.document()
    assert document["type"] == f"urn:mpc-market:problem:{each.slug}"
    assert 400 <= each.status < 600
    assert sum(other.urn == each.urn for other in Problem) == 1


class Desk:
    """A town in which orders are collected, and a meter whose submissions are spoilt."""

    def __init__(self, town: Town, terms) -> None:
        self._begin(town, terms, *town.meters, ORDER)

    @classmethod
    def of(cls, town: Town, terms, spoiler: Meter, other: Meter, order: tuple[Side, int, int]) -> "Desk":
        """With another order."""
        desk = cls.__new__(cls)
        desk._begin(town, terms, spoiler, other, order)
        return desk

    def _begin(self, town: Town, terms, spoiler: Meter, other: Meter, order: tuple[Side, int, int]) -> None:
        self.town = town
        self.terms = terms
        self.anna, self.ben = spoiler, other
        self.good = self.anna.submission(terms, 3, order)
        self.shares = [InputShare(secrets.token_bytes(32), (party + 1,) * WORDS) for party in range(3)]

    def of_shares(self, **changes) -> Submission:
        arguments = {
            "terms": self.terms,
            "meter": self.anna.id,
            "number": 3,
            "orders": 1,
            "shares": self.shares,
        } | changes
        return of_shares(**{"key": self.anna.key, **arguments})

    def resealed(self, plaintext) -> Submission:
        """What is in the seal for party 0 is replaced; `plaintext` makes it from what it was."""
        text = plaintext(sealed_text(self.good.header, 0, self.shares[0]))
        box = seal(self.terms.sealing_keys[0], text)
        return replace(self.good, seals=(Seal(0, box), *self.good.seals[1:]))

    def signed_over(self, header: Header, text: bytes) -> Submission:
        """Another header, with this in the seal for party 0, and signed."""
        box = seal(self.terms.sealing_keys[0], text)
        return Submission(header, self.anna.key.sign(header.kind, header.encode()), (Seal(0, box),))


def word_not_below_p(desk: Desk) -> Submission:
    words = words_bytes((5,) * (WORDS - 1)) + P.to_bytes(8, "little")
    nonce = bytes(32)
    header = replace(
        desk.good.header, share_digests=(digest("share", words + nonce), *desk.good.header.share_digests[1:])
    )
    context = sealed_text(header, 0, InputShare(nonce, (1,)))[:-42]
    return desk.signed_over(header, context + nonce + WORDS.to_bytes(2, "little") + words)


def number_of_words(desk: Desk) -> Submission:
    short = [InputShare(share.nonce, share.words[:-1]) for share in desk.shares]
    return desk.of_shares(shares=short)


def other_terms(desk: Desk, **changes) -> Submission:
    return desk.of_shares(terms=replace(desk.terms, **changes))


def other_period(desk: Desk, **changes) -> Submission:
    return other_terms(desk, period=replace(desk.terms.period, **changes))


SPOILT = {
    "malformed": lambda desk: b"\x01not a submission",
    "malformed: cut off": lambda desk: desk.good.encode()[:-1],
    "malformed: longer": lambda desk: desk.good.encode() + b"\0",
    "malformed: empty": lambda desk: b"",
    "malformed: version": lambda desk: b"\x02" + desk.good.encode()[1:],
    "oversized-body": lambda desk: bytes(20_000),
    "unknown-meter": lambda desk: Meter("nobody").submission(desk.terms, 3, ORDER),
    "wrong-context": lambda desk: other_period(desk, start=START + PERIOD),
    "wrong-context: market": lambda desk: other_period(desk, market="elsewhere"),
    "stale-challenge": lambda desk: other_terms(desk, challenge=secrets.token_bytes(32)),
    "wrong-order-count": lambda desk: desk.of_shares(orders=2),
    "bad-signature": lambda desk: desk.of_shares(key=desk.ben.key),
    "bad-signature: another's": lambda desk: replace(desk.good, signature=desk.of_shares(number=4).signature),
    "no-seal": lambda desk: desk.good.only_for(1, 2),
    "seal-does-not-open": lambda desk: other_terms(desk, sealing_keys=desk.terms.sealing_keys[::-1]),
    "seal-does-not-open: changed": lambda desk: replace(desk.good, seals=(Seal(0, desk.good.seals[0].box + b"\0"),)),
    "seal-context": lambda desk: replace(desk.good, seals=desk.of_shares(number=9).seals),
    "digest-mismatch": lambda desk: desk.resealed(lambda text: text),
    "digest-mismatch: number of words": number_of_words,
    "word-not-below-p": word_not_below_p,
}


@asynchronous
async def test_spoilt_submissions(tmp_path):
    """Each is refused with its own type, stores nothing, and says nothing of what it held."""
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    async with town.up():
        await town.until(State.COLLECTING)
        desk = Desk(town, await town.terms())
        for name, spoil in SPOILT.items():
            spoilt = spoil(desk)
            body = spoilt if isinstance(spoilt, bytes) else spoilt.encode()
            answer = await town.post(0, body)
            assert problem(answer) == name.partition(":")[0], name
            assert set(answer.json()) <= {"type", "title", "status", "most"}
            assert_nothing_repeated(answer, body)
        assert await town.services[0].node.ledger.submissions(town.market.id, START) == []
        assert (await town.post(0, desk.good)).status_code == 200
        contradicting = desk.of_shares()
        assert problem(await town.post(0, contradicting)) == "contradiction"
        assert problem(await town.post(0, contradicting)) == "contradiction"
        assert problem(await town.post(0, desk.of_shares(number=2))) == "number-too-low"
        counted = (await town.private(0, "metrics")).text
        for name in {each.partition(":")[0] for each in SPOILT} | {"contradiction", "number-too-low"}:
            assert f'mpc_market_refusals_total{{reason="{name}"}} 0.0' not in counted
        assert 'mpc_market_submissions_total{stage="clearing"} 1.0' in counted


def assert_nothing_repeated(answer: httpx.Response, body: bytes) -> None:
    for text in ("anna", "nobody", "elsewhere"):
        assert text not in answer.text
    assert body[100:116].hex() not in answer.text or len(body) < 116


@asynchronous
async def test_wrong_times_and_places(tmp_path):
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    async with town.up():
        await town.until(State.COLLECTING)
        good = Desk(town, await town.terms()).good
        assert problem(await town.post(0, good, START + PERIOD)) == "not-open-yet"
        assert problem(await town.post(0, good, START - PERIOD)) == "closed-period"
        assert problem(await town.post(0, good, START + 1)) == "unknown-period"
        assert problem(await town.post(0, good, 2**41)) == "invalid-request"
        assert problem(await town.get(0, f"periods/{START + PERIOD}")) == "not-open-yet"
        assert problem(await town.get(0, f"periods/{START - PERIOD}")) == "unknown-period"
        assert problem(await town.get(0, f"periods/{START + 1}")) == "unknown-period"
        assert problem(await town.get(0, f"periods/{START}/record")) == "not-finished"
        assert problem(await town.result(0, town.meters[0], await town.terms())) == "not-finished"
        assert problem(await town.get(0, "periods/tomorrow")) == "invalid-request"
        assert problem(await town.get(0, f"periods/{START}?wait=3600")) == "invalid-request"
        assert problem(await town.get(0, "../elsewhere")) == "unknown-market"
        assert problem(await town.get(0, f"../elsewhere/periods/{START}")) == "unknown-market"
        assert problem(await town.get(0, "../../nothing")) == "not-found"
        async with town.client(0) as client:
            assert problem(await client.delete(f"periods/{START}")) == "method-not-allowed"
            wrong = {"content-type": "application/json"}
            answer = await client.post(f"periods/{START}/orders", content=good.encode(), headers=wrong)
            assert problem(answer) == "wrong-media-type"
        town.clock.move_to(town.gate - 1)
        assert (await town.post(0, good)).status_code == 200
        town.clock.move_to(town.gate)
        assert problem(await town.post(0, good)) == "late"
        await town.until(State.RESULT, State.VOID)
        assert problem(await town.post(0, good)) == "closed-period"


@asynchronous
async def test_who_asks_for_rounds_that_there_are_not_fills_nothing(tmp_path):
    town = Town(tmp_path / "market")
    async with town.up(0):
        for start in (START + PERIOD, START - PERIOD, 1):
            assert (await town.get(0, f"periods/{start}?wait=1")).status_code in (404, 425)
        assert START - PERIOD not in town.node(0).board._listened
        assert set(town.node(0).board._listened) <= {START}


@asynchronous
async def test_a_name_that_no_database_takes_is_asked_of_none(tmp_path, monkeypatch):
    town = Town(tmp_path / "market")
    async with town.up(0):

        async def dispute(*asked: object) -> None:
            raise LedgerError("a NUL is in the name")

        monkeypatch.setattr(town.node(0).ledger, "dispute", dispute)
        claim = {"authorization": "Claim 00"}
        for name in ("a%00b", "%E2%80%AE", "x" * 65):
            answer = await town.get(0, f"periods/{START}/disclosures/{name}/1", headers=claim)
            assert problem(answer) == "unknown-dispute"


@asynchronous
async def test_a_meter_has_a_quota_and_nobody_else_can_use_it_up(tmp_path, monkeypatch):
    monkeypatch.setattr(intake, "QUOTA", 4)
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    async with town.up():
        await town.until(State.COLLECTING)
        desk = Desk(town, await town.terms())
        header = desk.good.header
        forged = replace(desk.good, signature=SigningKey.generate().sign(header.kind, header.encode()))
        for _ in range(6):
            assert problem(await town.post(0, forged)) == "bad-signature"
        own = desk.good.only_for(0)  # a seal for another party is forwarded each time, and counted there too
        for _ in range(4):
            assert (await town.post(0, own)).status_code == 200
        answer = await town.post(0, own)
        assert problem(answer) == "rate-limited"
        assert int(answer.headers["retry-after"]) > 0
        assert (await town.post(0, desk.ben.submission(desk.terms, 1, ORDER))).status_code == 200
        assert (await town.post(1, desk.good)).status_code == 200


@asynchronous
async def test_a_slow_body_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(http, "BODY_SECONDS", 0.3)
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])

    async def slow():
        yield b"\x01"
        await asyncio.sleep(2)
        yield b"\x01"

    async with town.up():
        await town.until(State.COLLECTING)
        async with town.client(0) as client:
            headers = {"content-type": "application/octet-stream"}
            answer = await client.post(f"periods/{START}/orders", content=slow(), headers=headers)
            assert problem(answer) == "slow-body"


@asynchronous
async def test_a_body_without_a_length_is_measured_as_it_comes(tmp_path):
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])

    sent = 0

    async def endless():
        nonlocal sent
        while sent < 2**28:
            sent += 2**18
            yield bytes(2**18)
            await asyncio.sleep(0)

    async with town.up():
        await town.until(State.COLLECTING)
        async with town.client(0) as client:
            headers = {"content-type": "application/octet-stream"}
            with contextlib.suppress(httpx.HTTPError):  # the connection was closed before the client read the answer
                answer = await client.post(f"periods/{START}/orders", content=endless(), headers=headers)
                assert problem(answer) == "oversized-body"
    assert sent < 2**24, "it takes in more than a submission can have"


@asynchronous
async def test_storage_that_fails_is_said_so_and_gives_no_receipt(tmp_path, monkeypatch):
    from parties.ledger import Ledger, LedgerFullError  # noqa: PLC0415

    async def full(*_: object) -> None:
        raise LedgerFullError("ledger: there is no space left")

    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    async with town.up():
        await town.until(State.COLLECTING)
        desk = Desk(town, await town.terms())
        monkeypatch.setattr(Ledger, "store_submission", full)
        answer = await town.post(0, desk.good)
        assert problem(answer) == "storage"
        assert answer.headers["retry-after"]
        monkeypatch.undo()
        assert (await town.post(0, desk.good)).status_code == 200


@asynchronous
async def test_openapi_is_served(tmp_path):
    town = Town(tmp_path / "market")
    async with town.up():
        document = json.loads((await town.get(0, "../../openapi.json")).content)
        assert document["openapi"].startswith("3.")
        orders = document["paths"]["/v1/markets/{market}/periods/{start}/orders"]["post"]
        assert "application/octet-stream" in orders["requestBody"]["content"]
        for path, methods in document["paths"].items():
            for method in methods.values():
                assert MEDIA_TYPE in method["responses"]["400"]["content"], path
