"""What a round of a running market refuses: input that parties do not share, or that cannot be; nothing is shown."""

import asyncio
import re
from dataclasses import replace

import numpy as np
import pytest

from mpc_market.errors import BookTooLargeError, InvalidSettingsError, PeerError, ReuseError, ShareError
from mpc_market.field.mersenne import GF
from mpc_market.network import memory_networks
from mpc_market.rules.model import Market, Rationing, Side
from mpc_market.secure.clearing import Method
from mpc_market.secure.round import prepare_round
from mpc_market.secure.submissions import Submissions
from tests.secure.meters import honest
from tests.secure.service_rounds import Round, attempt_round, run_round
from tests.secure.test_nothing_is_shown import assert_shows_nothing

LOTTERY, PRO_RATA = Market(3, 4, Rationing.LOTTERY), Market(3, 4, Rationing.PRO_RATA)
PROTOCOL = 1 << 16  # labels of the protocol proper


def changed(submissions: Submissions, **others) -> dict:
    return {"submissions": replace(submissions, **others)}


LINES = [(Side.SELL, 2, 7), (Side.BUY, 5, 3)]
ROUND = Round([honest(f"m{i}", LINES, 12, LOTTERY, 3, i % 2) for i in range(4)], LOTTERY, 2, suppliers=2)
GIVEN = ROUND.arguments(1)["submissions"]


@pytest.mark.parametrize(
    "other",
    [
        {"check_seed": bytes(32)},
        {"ticket_seed": bytes(32)},
        {"market": replace(LOTTERY, rationing=Rationing.PRO_RATA)},
        {"method": Method.SELECT},
        {"verdicts": np.zeros(4, np.uint8)},
        changed(GIVEN, order_ids=GIVEN.order_ids[::-1]),
        changed(GIVEN, maxima=GIVEN.maxima - np.uint64(1)),
        changed(GIVEN, suppliers=GIVEN.suppliers[::-1].copy()),
        changed(GIVEN, supplier_count=3),
        changed(
            GIVEN,
            order_ids=GIVEN.order_ids[:6],
            maxima=GIVEN.maxima[:3],
            suppliers=GIVEN.suppliers[:3],
            words=GIVEN.words[:3],
        ),
    ],
)
def test_parties_that_were_given_different_public_input(other):
    ends, networks = attempt_round(ROUND, {1: other})
    for party, end in enumerate(ends):
        assert isinstance(end, PeerError)
        if party != 1:
            assert end.party == 1
    assert all(label < PROTOCOL for network in networks for _, label, _ in network.sent)


def test_different_stored_verdicts_are_noticed():
    ends, _ = attempt_round(ROUND, {j: {"verdicts": np.array([0, 0, 0, j == 2], np.uint8)} for j in range(3)})
    assert all(isinstance(end, PeerError) for end in ends)
    ends, _ = attempt_round(Round([], LOTTERY), {1: {"verdicts": np.zeros(0, np.uint8)}})
    assert all(isinstance(end, PeerError) for end in ends)


def large(count: int, market: Market) -> dict:
    words = np.zeros((count, 1, market.order_words), np.uint64)
    ids, zeros = [str(i) for i in range(count)], np.zeros(count, np.uint64)
    return {"market": market, "submissions": Submissions(ids, zeros, zeros.astype(np.intp), 1, words)}


def with_word(word: int) -> np.ndarray:
    words = GIVEN.words.copy()
    words[3, 1, 4] = word
    return words


@pytest.mark.parametrize(
    ("error", "match", "other"),
    [
        (InvalidSettingsError, "check seed has 31 bytes", {"check_seed": bytes(31)}),
        (InvalidSettingsError, "ticket seed has 0 bytes", {"ticket_seed": b""}),
        (InvalidSettingsError, "verdicts of shape \\(3,\\), not \\(4,\\)", {"verdicts": np.zeros(3, np.uint8)}),
        (InvalidSettingsError, "from 0 to 2", {"verdicts": np.array([0, 3, 0, 0], np.uint8)}),
        (InvalidSettingsError, "7 order ids", changed(GIVEN, order_ids=GIVEN.order_ids[1:])),
        (InvalidSettingsError, "3 maxima", changed(GIVEN, maxima=GIVEN.maxima[1:])),
        (InvalidSettingsError, "3 suppliers", changed(GIVEN, suppliers=GIVEN.suppliers[1:])),
        (
            InvalidSettingsError,
            "from 0 to 15: .*in place 2",
            changed(GIVEN, maxima=np.array([0, 15, 16, 0], np.uint64)),
        ),
        (InvalidSettingsError, "from 0 to 1: .*in place 0", changed(GIVEN, suppliers=np.array([2, 0, 0, 0]))),
        (InvalidSettingsError, "from 0 to 1: .*in place 3", changed(GIVEN, suppliers=np.array([0, 0, 0, -1]))),
        (ShareError, "share words of shape", changed(GIVEN, words=GIVEN.words[:, :, 1:])),
        (ShareError, "share words of shape", changed(GIVEN, words=GIVEN.words[:, :0])),
        (ShareError, "share words of shape", changed(GIVEN, words=GIVEN.words[:, 0])),
        (ShareError, "not below 2\\^61 − 1", changed(GIVEN, words=with_word(GF.modulus))),
        (ShareError, "not below 2\\^61 − 1", changed(GIVEN, words=with_word(2**64 - 1))),
        (BookTooLargeError, "4097 orders at 24 quantity bits", large(4097, Market(1, 24))),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_sent(error, match, other):
    ends, networks = attempt_round(ROUND, {1: other})
    assert type(ends[1]) is error
    assert re.search(match, str(ends[1]))
    assert networks[1].sent == []
    assert_shows_nothing(str(ends[1]))


def test_a_preparation_is_good_for_one_round_of_its_market():
    async def twice(network):
        prepared = await prepare_round(network, 8, LOTTERY)
        with pytest.raises(InvalidSettingsError, match="another market or method"):
            await ROUND.run(network, preparation=prepared, market=PRO_RATA)
        await ROUND.run(network, preparation=prepared)
        before = list(network.sent)
        with pytest.raises(ReuseError):
            await ROUND.run(network, preparation=prepared)
        assert network.sent == before

    async def main():
        await asyncio.gather(*map(twice, memory_networks(3)))

    asyncio.run(main())


# --- nothing is shown -------------------------------------------------------------------------------------


def test_no_repr_shows_a_word():
    results, _ = run_round(ROUND)
    for thing in (GIVEN, *results):
        assert_shows_nothing(thing)
        assert_shows_nothing([thing])
        assert "m1" not in repr(thing)
    assert repr(GIVEN) == "Submissions(4 of 2 orders)"
    assert repr(results[0]).startswith("ServiceRoundShares(price=")
