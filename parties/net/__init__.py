"""The network among the compute parties: the only place that touches MPyC.

Every pair of parties has two connections: one for data, one for heartbeats (`pulse`). `network.connect`
gives a `PartyNetwork`, which implements `mpc_market.network.Network` for any number of rounds.

What is protected. A connection counts as party i only if it shows the certificate that is pinned for party i, in TLS
1.3 with the certificates of both ends (`parties.tls`), and says a hello that proves knowledge of a token which the pair
alone shares for this attempt (`hello`, `door`); strangers are closed without disturbing the run. What arrives is a
header of two numbers and words: its length is checked before memory is set aside, nothing is ever unpickled
or otherwise decoded (`link`, `exchanger`). A peer whose process dies or stops (no heartbeat) or that breaks the
framing ends the run with a `PeerError` that names it (`watch`).

What is not. Without TLS (`Peering.tls`) the connections are plain TCP, and the token alone tells who is there: whoever
can read or change traffic on the machine's loopback interface (its administrator) can read and change messages. Use it
without TLS for parties on one machine only. A peer that lives, sends heartbeats and yet never computes is not noticed
here: whoever asked for the round must set it a time limit, and may then ask which party it was (`PartyNetwork.behind`).
Whether the words a peer sends are *right* is not for this package to say: it only carries them.
"""

from parties.net.hello import TOKEN_BYTES
from parties.net.peering import PARTIES, Address, Doors, Peering

__all__ = [
    "PARTIES",
    "TOKEN_BYTES",
    "Address",
    "Doors",
    "Peering",
]
