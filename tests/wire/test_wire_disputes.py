"""What a dispute names."""

from mpc_market.wire.dispute import Arbiter, DisputeRequest
from mpc_market.wire.identifiers import Period, Stage

START = 1_782_032_400
REQUEST = DisputeRequest("oak", "m17", 1, Arbiter("anna", bytes(32), bytes(32)), (START, START + 1800), START - 3600)


def test_a_request_names_the_rounds_that_it_lists_and_no_other():
    listed = set(REQUEST.rounds(settled=True))
    starts = [START + step * 900 for step in range(-5, 6)]
    asked = [Period(stage.of(market), start) for market in ("oak", "elm") for stage in Stage for start in starts]
    assert {period for period in asked if REQUEST.names(period)} == listed
    assert len(listed) == 2 * 3 + 1
