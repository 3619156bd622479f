"""The next keys of a party: made on its own host, announced in a file that everybody adopts, in use from a moment on.

    rotate   the party makes keys-2 (keys-3, …) in its home, and the announcement
    adopt    everybody who has a market file adds the announced keys to it: parties, registrar, suppliers, meters
    since    the moment comes: messages about rounds of periods from then on are signed with the new key, and the new
             certificate is shown; the old one is accepted for another 30 days, the old signing key checks old records

The announcement is signed with the key that is in use and with the new one, so it can be believed from whatever hand
it comes. A party that has lost its signing key must be put into a new market file by people who trust each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mpc_market.errors import InputError, InvalidSettingsError
from mpc_market.wire.codec import Writer
from mpc_market.wire.errors import SignatureError, WireError
from mpc_market.wire.identifiers import check_market_id
from mpc_market.wire.signing import SIGNATURE_BYTES, verify
from parties.files import values
from parties.files.output import write_files
from parties.files.party_home import PartyHome, key_folders
from parties.files.private import make_directory, write_new
from parties.files.problems import Problems
from parties.files.running import PartyKeys, RunningMarket
from parties.files.running_toml import KEYS, check_fingerprint, key_lines, read_running, running_text
from parties.files.toml import quoted, read_document
from parties.files.values import moment_text
from parties.setup.joining import checked
from parties.setup.keygen import make_keys

KIND = "rotation"
ANNOUNCEMENT = "announcement.toml"

_PLACE = ("rotation",)
_DAY = 86400


def _market_id(value: object) -> str:
    try:
        return check_market_id(value)  # type: ignore[arg-type]
    except WireError as error:
        raise InvalidSettingsError(str(error)) from None


_READERS: dict[str, Any] = {
    "market": _market_id,
    "party": values.name,
    "since": values.moment,
    **KEYS,
    "old_signature": values.octets(SIGNATURE_BYTES),
    "new_signature": values.octets(SIGNATURE_BYTES),
}


@dataclass(frozen=True, slots=True)
class Announcement:
    """The next keys of the party called `party` in a market, its signatures not yet checked against the market file."""

    market: str
    party: str
    keys: PartyKeys
    old_signature: bytes = field(repr=False)
    new_signature: bytes = field(repr=False)


def next_midnight(now: int) -> int:
    """The first midnight UTC that is at least a day away: time enough to hand the announcement round."""
    return (now // _DAY + 2) * _DAY


def rotate(home: PartyHome, since: int, now: int, further: Sequence[PartyHome] = ()) -> Path:
    """Make the next keys of a party, in use from `since` on; the path of the announcement. Run by the party.

    `further`: the same home in its other markets; the announcement for each lies beside the first, with its id in the
    name. Moments in seconds since 1970.
    Raises: InputError if `since` is not later than now and than the party's last keys; OutputError.
    """
    *_, last = home.party.keys
    if since <= now:
        raise InputError((f"--since: {moment_text(since)} has passed: keys change in the future only",))
    if since <= last.since:
        raise InputError((f"--since: keys of {moment_text(last.since)} are announced already: choose a later moment",))
    old = home.signing_key(last.since)
    folder = home.path / f"keys-{len(key_folders(home.path)) + 1}"
    make_directory(folder)
    key, keys = make_keys(folder, since, home.party.name, home.party.control[0])
    paths = [folder / ANNOUNCEMENT, *(folder / f"announcement-{each.market.id}.toml" for each in further)]
    for each, path in zip((home, *further), paths, strict=True):
        market, name = each.market.id, each.party.name
        message = _signed_bytes(market, name, old.public, keys)
        announcement = Announcement(market, name, keys, old.sign(KIND, message), key.sign(KIND, message))
        write_new(path, _text(announcement).encode())
    return paths[0]


def read_announcement(path: str, problems: Problems) -> Announcement | None:
    """Read an announcement; None if there is any problem."""
    document = read_document(path, problems)
    table = None if document is None else document.table("rotation", problems)
    if document is None or table is None:
        return None
    row = document.read(_PLACE, table, _READERS, problems, need=True)
    if row is None or not check_fingerprint(document, _PLACE, row, problems):
        return None
    keys = PartyKeys(row["since"], row["signing_key"], row["certificate"])
    return Announcement(row["market"], row["party"], keys, row["old_signature"], row["new_signature"])


def adopt(market: RunningMarket, announcement: Announcement, where: str, problems: Problems) -> RunningMarket | None:
    """The market with the announced keys in it; the same one if it has them. None if there is any problem.

    Run by everyone who has a market file. `where`: what messages call the announcement.
    """
    if announcement.market != market.id:
        problems.add(where, f"an announcement in market {announcement.market}, not {market.id}")
        return None
    party = next((party for party in market.parties if party.name == announcement.party), None)
    if party is None:
        problems.add(where, f"the market has no party '{announcement.party}'")
        return None
    if announcement.keys in party.keys:
        return market
    *_, last = party.keys
    message = _signed_bytes(market.id, party.name, last.signing_key, announcement.keys)
    try:
        verify(last.signing_key, KIND, message, announcement.old_signature)
        verify(announcement.keys.signing_key, KIND, message, announcement.new_signature)
    except SignatureError as error:
        problems.add(where, f"not announced by the keys that party '{party.name}' has in the market file: {error}")
        return None
    if announcement.keys.since <= last.since:
        problems.add(where, f"keys of {moment_text(last.since)} are in the market file already: these are older")
        return None
    renewed = replace(party, keys=(*party.keys, announcement.keys))
    parties = tuple(renewed if each is party else each for each in market.parties)
    return checked(replace(market, parties=parties), where, problems)


def adopt_into(path: str, announcements: Sequence[str], problems: Problems) -> RunningMarket | None:
    """Adopt announcements into the market file at `path`, all or none. Raises: OutputError."""
    market = before = read_running(path, problems)
    for name in announcements:
        announcement = read_announcement(name, problems)
        if market is None or announcement is None:
            return None
        market = adopt(market, announcement, name, problems)
    if market is not None and market != before:
        write_files({path: [running_text(market)]}, public=True)
    return market


def _signed_bytes(market: str, name: str, old_key: bytes, keys: PartyKeys) -> bytes:
    writer = Writer().version().text(market).text(name).fixed(old_key, 32).u64(keys.since)
    return writer.fixed(keys.signing_key, 32).text(keys.certificate or "").data()


def _text(announcement: Announcement) -> str:
    lines = (
        "# The next keys of a compute party, to be put into market files: mpc-market party adopt. No secret is in it.",
        "[rotation]",
        f"market = {quoted(announcement.market)}",
        f"party = {quoted(announcement.party)}",
        *key_lines(announcement.keys),
        f"old_signature = {quoted(announcement.old_signature.hex())}",
        f"new_signature = {quoted(announcement.new_signature.hex())}",
    )
    return "\n".join(lines) + "\n"
