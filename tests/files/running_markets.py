"""A running market for tests: three parties with real certificates, two suppliers."""

from functools import cache

from parties.files.market import MarketFile
from parties.files.running import Party, PartyKeys, RunningMarket, Service, Supplier
from parties.tls.certificate import make_key_pair

SINCE = 1_800_000_000


@cache
def certificate(name: str) -> str:
    return make_key_pair(name, ["a.example"]).certificate


def party(letter: str, *later: PartyKeys) -> Party:
    host = f"{letter}.example"
    keys = PartyKeys(0, letter.encode() * 32, certificate(letter))
    return Party(host, f"https://{host}:8443", (host, 8444), host, range(8450, 8490), (keys, *later))


def market() -> RunningMarket:
    suppliers = (Supplier("green", b"g" * 32, b"s" * 32), Supplier('blüe "&" Co', b"b" * 32, b"t" * 32))
    parties = (party("a"), party("b", PartyKeys(SINCE, b"B" * 32, certificate("B"))), party("c"))
    return RunningMarket(MarketFile(id="oak-street"), Service(), b"r" * 32, parties, suppliers)
