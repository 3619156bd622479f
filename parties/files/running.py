"""A running market as its public file describes it: settings, service, parties with their public keys, suppliers.

Nothing in it is secret. `running_toml` reads and writes the file.
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from mpc_market.errors import InvalidSettingsError
from mpc_market.wire.committee import Committee
from mpc_market.wire.identifiers import Stage, split_market
from parties.files.market import MONTH_MAX, MarketFile
from parties.files.values import Address
from parties.settling.calendar import Calendar, Months
from parties.tls import fingerprint

CHANGE_OVER = timedelta(days=30)
"""This long a party's certificate is still accepted after its successor has come into use."""

PORTS_MIN = 2
"""An attempt at a round takes two ports: one for the MPC, one for its pulse."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """How the market is settled: `parties.settling.calendar` says what the durations are. `billing`: the length of a
    billing month, None for calendar months.
    """

    reading_deadline: timedelta = timedelta(days=1)
    correction_deadline: timedelta = timedelta(days=10)
    settle_within: timedelta = timedelta(days=2)
    billing: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """The life of a round: the gate closes `gate_lead` before the period starts; a round that is not published
    `deadline` after its gate is void. `retention`: how long parties keep submissions and shares. `settlement`: None if
    the market only clears.
    """

    gate_lead: timedelta = timedelta(minutes=5)
    deadline: timedelta = timedelta(minutes=4)
    retention: timedelta = timedelta(days=90)
    settlement: Settlement | None = None


@dataclass(frozen=True, slots=True)
class PartyKeys:
    """The public keys of a compute party, in use from `since` (seconds since 1970) until its next ones are.

    `certificate`: PEM; None once it is no longer accepted by anybody. `signing_key`: public Ed25519, for the rounds of
    periods that start then: kept for ever, since old records are checked with it.
    """

    since: int
    signing_key: bytes
    certificate: str | None = field(repr=False)

    @property
    def fingerprint(self) -> str | None:
        """SHA-256 of the certificate, 64 hexadecimal digits."""
        return None if self.certificate is None else fingerprint(self.certificate)


@dataclass(frozen=True, slots=True)
class Party:
    """A compute party as everyone knows it. `api`: https://host:port; `control`: where other parties reach it; their
    MPC connections come to `mpc_host`, to ports among `mpc_ports`. `keys`: by ascending `since`, the first from 0 on.
    """

    name: str
    api: str
    control: Address
    mpc_host: str
    mpc_ports: range
    keys: tuple[PartyKeys, ...]

    def keys_at(self, moment: int) -> PartyKeys:
        """Those in use at a moment; for signatures, at the start of the round's period."""
        return max((keys for keys in self.keys if keys.since <= moment), key=lambda keys: keys.since)

    def certificates(self, now: int) -> tuple[str, ...]:
        """Certificates by which the party is to be recognised now: the one in use, those announced, and one that
        went out of use not longer than CHANGE_OVER ago.
        """
        ends = [keys.since + int(CHANGE_OVER.total_seconds()) for keys in self.keys[1:]]
        accepted = [keys for keys, end in zip(self.keys, [*ends, None], strict=True) if end is None or now < end]
        return tuple(keys.certificate for keys in accepted if keys.certificate is not None)


@dataclass(frozen=True, slots=True)
class Supplier:
    """A supplier as everyone knows it: public keys, Ed25519 for its requests and X25519 for what is sealed to it."""

    id: str
    identity_key: bytes
    sealing_key: bytes


@dataclass(frozen=True)
class RunningMarket:
    """A market file, read and checked. `registrar`: its public key."""

    settings: MarketFile
    service: Service
    registrar: bytes
    parties: tuple[Party, ...]
    suppliers: tuple[Supplier, ...] = ()

    @property
    def id(self) -> str:
        """The market's id."""
        assert self.settings.id is not None, "a running market has one"
        return self.settings.id

    @property
    def period_seconds(self) -> int:
        """The length of a period. Periods start at multiples of it since 1970."""
        return int(self.settings.period.total_seconds())

    @property
    def orders(self) -> int:
        """Orders in one submission; of a further stage 1: a reading, or whatever else its sets are made of, is one."""
        return self.settings.orders_per_submission if split_market(self.id)[1] is Stage.CLEARING else 1

    @property
    def calendar(self) -> Calendar | None:
        """When it is settled; None if it only clears. Raises: InvalidSettingsError."""
        said = self.service.settlement
        if said is None:
            return None
        if said.billing is not None and said.billing > MONTH_MAX:  # amounts of a longer one might not be exact
            raise InvalidSettingsError(f"billing must be at most {MONTH_MAX.days} days")
        months = Months(self.settings.timezone, None if said.billing is None else int(said.billing.total_seconds()))
        durations = (said.reading_deadline, said.correction_deadline, said.settle_within)
        return Calendar(self.period_seconds, months, *(int(each.total_seconds() * 1000) for each in durations))

    def staged(self, stage: Stage) -> "RunningMarket":
        """The same market in a further stage: only the name that stands in its messages is another."""
        name = stage.of(split_market(self.id)[0])
        return replace(self, settings=replace(self.settings, id=name))

    def committee(self, start: int) -> Committee:
        """The signing keys of the parties for the round of the period that starts then."""
        return Committee(self.id, tuple(party.keys_at(start).signing_key for party in self.parties))
