"""What a dispute names."""

import pytest

from mpc_market.wire.dispute import Arbiter, DisputeRequest
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Period, Stage
from tests.wire.wire_round import sealing_key

START = 1_782_032_400
ARBITER = Arbiter("anna", bytes(32), sealing_key("anna").public)
REQUEST = DisputeRequest("oak", "m17", 1, ARBITER, (START, START + 1800), START - 3600)


def test_a_request_names_the_rounds_that_it_lists_and_no_other():
    listed = set(REQUEST.rounds(settled=True))
    starts = [START + step * 900 for step in range(-5, 6)]
    asked = [Period(stage.of(market), start) for market in ("oak", "elm") for stage in Stage for start in starts]
    assert {period for period in asked if REQUEST.names(period)} == listed
    assert len(listed) == 2 * 3 + 1


def test_an_arbiter_can_be_sealed_to():
    with pytest.raises(WireError, match="the sealing key of an arbiter is of small order"):
        DisputeRequest.decode(REQUEST.encode().replace(ARBITER.sealing_key, b"\x01" + bytes(31)))
