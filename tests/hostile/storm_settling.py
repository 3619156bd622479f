"""What is done in a storm to what a market that settles has besides: readings, tariffs, disputes, disclosures, sheets.

As in `storm_acts`. A supplier that has turned is among those who send: it signs with its own key what no party takes.
"""

from dataclasses import replace
from random import Random

from mpc_market.wire.claim import Claimant, make_claim
from mpc_market.wire.dispute import REQUEST_BYTES_MAX, Arbiter, DisputeRequest, sign_dispute
from mpc_market.wire.identifiers import START_MAX, Stage
from mpc_market.wire.opening import Terms
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.signing import SigningKey
from mpc_market.wire.submission import Submission
from mpc_market.wire.tariff import Tariff, sign_tariff
from parties.files.problems import Problems
from parties.launch.community import SUPPLIER
from parties.supplier.home import SupplierHome, read_supplier_home
from tests.hostile.spoiling import PICKLES
from tests.hostile.storm import BYTES, CANARY, Act, Ask, Storm, not_ones_own
from tests.hostile.storm_acts import VALUES, flipped, no_submission

TARIFF_BYTES = 1024
STRANGER = SigningKey.generate()
"""Whom nobody knows; and the arbiter of the rogue's dispute, which claims nothing here."""

SOMEBODY = SigningKey.generate()
SEALED_TO = SealingKey.generate().public


def _market(storm: Storm, stage: Stage = Stage.CLEARING) -> str:
    return f"/markets/{stage.of(storm.running.id)}"


# --- readings ---------------------------------------------------------------------------------------------------


def _open_for_readings(storm: Storm) -> Terms | None:
    """A settlement, or a correction."""
    stages = [Stage.SETTLEMENT, Stage.CORRECTION]
    storm.rng.shuffle(stages)
    return next((terms for stage in stages if (terms := storm.terms(stage)) is not None), None)


async def _send(storm: Storm, party: int, terms: Terms, body: bytes, *, served: bool = False) -> str:
    path = f"{_market(storm)}/periods/{terms.period.start}/readings"
    return await storm.ask(party, Ask("POST", path, BYTES, body, served=served))


async def odd_reading(storm: Storm, party: int) -> str:
    """What is no submission at all; bits flipped in a reading; one that is far too long."""
    terms = _open_for_readings(storm)
    if terms is None:
        return ""
    rng = storm.rng
    valid = storm.reading(terms).only_for(party).encode()
    too_long = bytes(rng.choice([20_000, 1_000_000]))
    body = rng.choice([no_submission(storm), flipped(rng, valid), flipped(rng, valid), valid + bytes(9), too_long])
    return await _send(storm, party, terms, body)


async def forged_reading(storm: Storm, party: int) -> str:
    """In another's name, with a stale challenge, for another stage or round, sealed to others; an order as such."""
    terms, clearing = _open_for_readings(storm), storm.terms()
    if terms is None or clearing is None:
        return ""
    rng, sub = storm.rng, storm.reading(terms)
    spoilt: Submission = rng.choice(
        [
            lambda: storm.reading(terms, STRANGER),
            lambda: storm.reading(terms, STRANGER, meter=storm.other),
            lambda: storm.reading(terms, meter=storm.other),
            lambda: storm.reading(terms, meter=CANARY),
            lambda: storm.reading(replace(terms, challenge=rng.randbytes(32))),
            lambda: storm.reading(replace(terms, sealing_keys=(SealingKey.generate().public,) * terms.parties)),
            lambda: storm.reading(clearing),
            lambda: storm.submission(clearing),
            lambda: replace(sub, signature=rng.randbytes(64)),
            lambda: sub.only_for((party + 1) % terms.parties),
            lambda: replace(sub, header=replace(sub.header, meter=storm.other)),
        ]
    )()
    return await _send(storm, party, terms, spoilt.encode())


async def replayed_reading(storm: Storm, party: int) -> str:
    """The same valid one over and over: one receipt; or too late."""
    stage = storm.rng.choice([Stage.SETTLEMENT, Stage.CORRECTION])
    terms = storm.terms(stage)
    if terms is None:
        return ""
    key = stage, terms.period.start
    body = storm.replayed.get(key) or storm.replayed.setdefault(key, storm.reading(terms).encode())
    return await _send(storm, party, terms, body, served=True)


# --- tariffs ----------------------------------------------------------------------------------------------------


def _supplier(storm: Storm) -> SupplierHome:
    problems = Problems()
    home = read_supplier_home(storm.homes[0].parents[1] / "supplier", problems)
    problems.check()
    assert home is not None
    return home


async def odd_tariff(storm: Storm, party: int) -> str:
    """By strangers, and by the supplier itself: late, within a day, off the grid, below the fee, spoilt, too long. But
    for that, each would be taken.
    """
    rng, key, terms, calendar = storm.rng, _supplier(storm).identity, storm.terms(), storm.running.calendar
    if terms is None or calendar is None:
        return ""
    begins = calendar.months.next(terms.period.start + 2**20)
    fine = Tariff(storm.running.id, SUPPLIER, rng.randrange(1, 2**40), begins, START_MAX, 300, 50, 30)
    forged = [
        sign_tariff(fine, STRANGER),
        sign_tariff(fine, storm.rogue.identity),
        sign_tariff(replace(fine, supplier=CANARY), key),
        sign_tariff(replace(fine, market="another"), key),
        sign_tariff(replace(fine, begins=1), key),
        sign_tariff(replace(fine, begins=begins + 1), key),
        sign_tariff(replace(fine, retail=2**20 - 1), key),
        sign_tariff(replace(fine, retail=10, fee=20), key),
        sign_tariff(replace(fine, retail=60, feed_in=70), key),
    ]
    valid = rng.choice(forged)
    body = rng.choice([valid, valid, flipped(rng, valid), valid + bytes(TARIFF_BYTES), no_submission(storm)])
    kind = rng.choice([BYTES, BYTES, BYTES, {"content-type": "application/json"}])
    return await storm.ask(party, Ask("POST", f"{_market(storm)}/tariffs", kind, body))


# --- disputes, and what is disclosed for them ---------------------------------------------------------------------


async def odd_dispute(storm: Storm, party: int) -> str:
    """In another's name, of other markets, of periods that are not over or never were, spoilt, too long; and one that
    is the rogue's own right.
    """
    terms, earlier, rng = storm.terms(), storm.old_terms(), storm.rng
    if terms is None or earlier is None:
        return ""
    arbiter, start = Arbiter(CANARY, STRANGER.public, SEALED_TO), earlier.period.start
    own = DisputeRequest(storm.running.id, storm.rogue.meter, 1, arbiter, (start,))
    other, later = replace(own, number=rng.randrange(2, 2**40)), (terms.period.start + 2**20,)
    forged = [
        sign_dispute(other, STRANGER),
        sign_dispute(replace(other, meter=storm.other), storm.rogue.identity),
        sign_dispute(replace(other, meter=CANARY), storm.rogue.identity),
        sign_dispute(replace(other, market="another"), storm.rogue.identity),
        sign_dispute(replace(other, starts=(1, 2, 3)), storm.rogue.identity),
        sign_dispute(replace(other, starts=later), storm.rogue.identity),
        sign_dispute(replace(other, starts=later, month=start), storm.rogue.identity),
    ]
    valid, right = rng.choice(forged), sign_dispute(own, storm.rogue.identity)
    too_long = valid + bytes(REQUEST_BYTES_MAX)
    body = rng.choice([valid, valid, flipped(rng, right), too_long, no_submission(storm), right])
    return await storm.ask(party, Ask("POST", f"{_market(storm)}/disputes", BYTES, body, served=body == right))


async def odd_disclosure(storm: Storm, party: int) -> str:
    """Of a dispute that nobody has sent; odd numbers; of the rogue's own, claimed by others than the arbiter."""
    rng, stage = storm.rng, storm.rng.choice(list(Stage))
    terms = rng.choice([storm.terms, storm.old_terms, storm.old_terms])(stage)
    if terms is None:
        return ""
    meter = rng.choice([storm.rogue.meter, storm.rogue.meter, storm.other, CANARY])
    number = rng.choice([1, rng.choice([2, 2**40, *VALUES])])
    path = f"{_market(storm, stage)}/periods/{terms.period.start}/disclosures/{meter}/{number}"
    return await storm.ask(party, Ask("GET", path, _claimed(rng, storm, terms, party, Claimant.ARBITER, CANARY)))


# --- sheets -----------------------------------------------------------------------------------------------------


async def odd_sheet(storm: Storm, party: int) -> str:
    """Others' totals, amounts and bills, with claims that are none, or for something else."""
    stage = storm.rng.choice([Stage.SETTLEMENT, Stage.SETTLEMENT, Stage.CLOSING, Stage.CORRECTION, Stage.CLEARING])
    terms, rng = storm.terms(stage), storm.rng
    shown = not_ones_own(rng.choice([stage, Stage.SETTLEMENT, Stage.CLOSING]), storm.other, storm.rogue.meter)
    kind, name, what = rng.choice(shown)
    if rng.randrange(4) == 0:
        what = "/".join([rng.choice(["totals", "bill", CANARY]), rng.choice(["tso", "meter", CANARY]), CANARY])
    start = rng.choice([0, 1]) if terms is None else terms.period.start
    claim = {} if terms is None else _claimed(rng, storm, terms, party, kind, name)
    return await storm.ask(party, Ask("GET", f"{_market(storm, stage)}/periods/{start}/{what}", claim))


def _claimed(rng: Random, storm: Storm, terms: Terms, party: int, kind: Claimant, name: str) -> dict[str, str]:
    """A head with a claim that must not do."""
    own = storm.rogue.identity
    claim = rng.choice(
        [
            make_claim(terms, party, kind, name, own),
            make_claim(terms, party, kind, name, SOMEBODY),
            make_claim(terms, party, Claimant.METER, storm.rogue.meter, own),
            make_claim(terms, (party + 1) % terms.parties, kind, name, own),
            make_claim(replace(terms, challenge=rng.randbytes(32)), party, kind, name, own),
            rng.randbytes(100),
            rng.choice(PICKLES),
        ]
    ).hex()
    return {"authorization": rng.choice([f"Claim {claim}", f"Claim {claim}", f"Bearer {claim}", f"Claim {claim[:77]}"])}


SETTLING_ACTS: dict[str, tuple[int, Act]] = {
    "odd reading": (6, odd_reading),
    "forged reading": (8, forged_reading),
    "replayed reading": (4, replayed_reading),
    "odd tariff": (6, odd_tariff),
    "odd dispute": (6, odd_dispute),
    "odd disclosure": (4, odd_disclosure),
    "odd sheet": (8, odd_sheet),
}
"""What is done besides to a market that settles."""
