"""The JSON of the public API. Moments are ms since 1970, starts of periods seconds; hex is lower-case."""

from pydantic import BaseModel, Field

from parties.service.life import State

_SIGNED = "signed message (mpc_market.wire): message ‖ signature, hex"


class PartyDocument(BaseModel):
    """One compute party."""

    number: int
    name: str
    api: str = Field(description="address of its public API")
    signing_key: str = Field(description="public Ed25519 key in use now, hex")
    fingerprint: str = Field(description="SHA-256 of the certificate in use now, hex")


class RollDocument(BaseModel):
    """The newest version of the roll of enrolled meters. Who is on it is not public."""

    version: int
    digest: str = Field(description="hex")


class MarketDocument(BaseModel):
    """A market."""

    id: str
    currency: str
    timezone: str
    price_tick: str = Field(description="smallest price step, currency per kWh")
    price_min: str = Field(description="price of tick 0, currency per kWh")
    price_bits: int
    lot: str = Field(description="smallest quantity, kWh")
    quantity_bits: int
    period: int = Field(description="length of a period, seconds; periods start at its multiples since 1970")
    rationing: str
    orders_per_submission: int
    minimum_group: int
    gate_lead: int = Field(description="the gate closes this long before the period starts, ms")
    deadline: int = Field(description="a round is void if it is not published this long after its gate, ms")
    registrar: str = Field(description="public Ed25519 key, hex")
    parties: list[PartyDocument]
    roll: RollDocument | None
    now: int = Field(description="what time it is here, ms")
    rounds: list[int] = Field(description="starts of the periods whose rounds are not finished here")


class MarketsDocument(BaseModel):
    """The markets that this party runs."""

    markets: list[str]


class PeriodDocument(BaseModel):
    """One round."""

    market: str
    start: int
    opens: int
    gate: int = Field(description="orders are taken before this moment, ms")
    deadline: int
    state: str = Field(description=f"how far it is at this party: {', '.join(State)}")
    openings: list[str] = Field(description=f"by party, what there is: {_SIGNED}")
    challenge: str | None = Field(description="hex; follows from the openings once all are there")
    roll: RollDocument | None = Field(description="the version that the round uses")
    outcomes: list[str] = Field(description=f"by party, once the round is finished: {_SIGNED}")
    price: int | None = Field(description="clearing price in ticks; null: no trade, void, or not finished")


class RecordsDocument(BaseModel):
    """A piece of the chain of public records; `records`: the canonical JSON of each, as a text."""

    records: list[str]
    last: int | None = Field(description="sequence number of the last record there is")


class PriceDocument(BaseModel):
    """The outcome of a round that is over."""

    sequence: int = Field(description="of its record")
    start: int
    standing: str = Field(description="result or void")
    price: int | None = Field(description="clearing price in ticks; null: no trade, or void")


class PricesDocument(BaseModel):
    """Outcomes in the sequence of the records."""

    prices: list[PriceDocument]


class TariffDocument(BaseModel):
    """A tariff that was taken."""

    number: int
    digest: str = Field(description="hex")


class TariffsDocument(BaseModel):
    """The tariffs that hold for a period."""

    tariffs: list[str] = Field(description="signed tariffs (mpc_market.wire.tariff): message ‖ signature, hex")


class DisputePlace(BaseModel):
    """Where the digest of a dispute stands in the set of a closing."""

    digest: str = Field(description="of the signed request (mpc_market.wire.dispute), hex")
    index: int = Field(description="of its leaf")
    path: list[str] = Field(description="Merkle path of the leaf, hex")


class DisputesDocument(BaseModel):
    """The disputes in the set of a closing, which all parties have signed."""

    count: int = Field(description="leaves of the whole set")
    disputes: list[DisputePlace]


class ProblemDocument(BaseModel):
    """A refusal (RFC 9457). It never repeats a value from the request."""

    type: str = Field(description="urn:mpc-market:problem:…")
    title: str
    status: int
