"""MPyC's message exchanger for one peer, with lengths checked and nothing unpickled.

MPyC labels messages with a program counter and keeps what arrives before it is awaited. So does this class,
but a message is a vector of words, its length is checked before memory is set aside for it, and what waits
unclaimed is bounded.

A label on the wire is the engine's label (below 2^48) with the number of the round (mod 2^15) above it, so
that rounds never mix. A peer may be one round ahead, while this party has not heard of that round yet: then
its messages are left in the connection, unread, until the round begins. Within a round reading never stops:
to stop it while some party still has to send could stop all of them for ever (party 0 waits for 2, 2 for 1,
and 1 for room in its buffer to 0). How far a peer can run ahead is given by the protocol; one that exceeds
`unclaimed_max` is not following it.
"""

import asyncio
from dataclasses import dataclass

from mpc_market.errors import PeerError
from mpc_market.network import Vector
from parties.net.link import HEADER, Link
from parties.net.mpyc_guard import MessageExchanger, Runtime
from parties.net.watch import Watch

LABEL_BITS = 48
ROUNDS = 2**15
_WORD_BYTES = 8


@dataclass(slots=True)
class Round:
    """What every exchanger of a party must know of the round that is on: shared among them.

    `words_max`: the largest message that any party may send.
    """

    number: int = 0
    running: bool = False
    words_max: int = 0
    words_max_before: int = 0

    def begin(self, words_max: int) -> None:
        """The next round is on."""
        self.number += 1
        self.running = True
        self.words_max_before, self.words_max = self.words_max, words_max

    def words_max_at(self, age: int) -> int:
        """The largest message of the round this many rounds ago; 0 if there is no such round."""
        return {0: self.words_max, 1: self.words_max_before}.get(age, 0)

    @property
    def unclaimed_max(self) -> int:
        """How many bytes of one peer's messages may wait to be claimed."""
        return 2 * _WORD_BYTES * self.words_max

    def label(self, label: int) -> int:
        """The label on the wire."""
        assert 0 <= label < 2**LABEL_BITS
        return self.number % ROUNDS << LABEL_BITS | label

    def age(self, wire_label: int) -> int:
        """How many rounds ago a label on the wire was in use: 0 now, −1 in the next round."""
        return (self.number - (wire_label >> LABEL_BITS) + 1) % ROUNDS - 1


class Exchanger(MessageExchanger):  # type: ignore[misc]
    """The messages exchanged with one peer."""

    def __init__(self, runtime: Runtime, peer: int, watch: Watch, current: Round) -> None:
        super().__init__(runtime, peer)
        self._watch = watch
        self._round = current
        self.link: Link
        self._waiting: dict[int, tuple[int, asyncio.Future[Vector]]] = {}
        self._arrived: dict[int, Vector] = {}
        self._unclaimed = 0
        self._room: asyncio.Future[None] | None = None
        self.messages_sent = 0
        self.messages_received = 0
        self.nbytes_received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Take over a connection whose other end has proved to be the peer."""
        self.link = Link(transport, self)
        transport.set_protocol(self.link)
        self.transport = transport
        self.runtime.set_protocol(self.peer_pid, self)

    def data_received(self, data: bytes) -> None:
        """MPyC's way to take bytes: closed, they come through `Link`."""
        raise NotImplementedError

    # What the party does

    def send(self, pc: int, payload: Vector) -> None:
        """Queue `payload` under the engine's label `pc`."""
        self.nbytes_sent += self.link.write(self._round.label(pc), payload)
        self.messages_sent += 1

    def receive(self, pc: int, size: int) -> "Vector | asyncio.Future[Vector]":
        """The message under the engine's label `pc` if it is here, else a future of it.

        Raises: PeerError if it is here and does not have `size` words.
        """
        label = self._round.label(pc)
        vector = self._arrived.pop(label, None)
        if vector is None:
            future: asyncio.Future[Vector] = asyncio.get_running_loop().create_future()
            self._waiting[label] = size, future
            return future
        self._unclaimed -= vector.nbytes
        if vector.size != size:
            error = self._wrong_length(vector.size, size)
            self._watch.fail(error)
            raise error
        return vector

    @property
    def waits(self) -> bool:
        """Whether the party waits for a message of this peer."""
        return bool(self._waiting)

    @property
    def room(self) -> "asyncio.Future[None] | None":
        """While too much is queued for the peer: a future of the moment when it is not."""
        return self._room

    def begin_round(self) -> None:
        """Drop what nobody claimed in the last round, and read the messages of the one that begins."""
        self._waiting.clear()
        self._arrived.clear()
        self._unclaimed = 0
        self.link.go_on()

    def fail(self, error: Exception) -> None:
        """Nothing more will come: whoever waits gets `error`."""
        for _, future in self._waiting.values():
            if not future.done():
                future.set_exception(error)
        self._waiting.clear()
        self.paused(False)

    # What the link reports

    def announce(self, label: int, words: int) -> bool:
        """Check the header of a message; False if it must wait for its round to begin."""
        age = self._round.age(label)
        words_max = self._round.words_max_at(age)
        if age == -1 and not self._round.running and label >= 0:
            return False
        if label < 0 or not words_max:
            raise self._malformed(f"no round has the label {label}")
        due = self._waiting.get(label)
        if due is not None and words != due[0]:
            raise self._wrong_length(words, due[0])
        if not 0 < words <= words_max:
            raise self._malformed(f"{words} words where 1 to {words_max} are possible")
        if label in self._arrived:
            raise self._malformed(f"label {label} is used twice")
        if due is None and self._unclaimed + _WORD_BYTES * words > self._round.unclaimed_max:
            raise PeerError(self.peer_pid, f"sent over {self._round.unclaimed_max} bytes that nobody waits for")
        return True

    def deliver(self, label: int, vector: Vector) -> None:
        """Hand a message to whoever waits for it, or keep it."""
        self.messages_received += 1
        self.nbytes_received += HEADER.size + vector.nbytes
        if self._round.age(label) != 0:
            return
        due = self._waiting.get(label)
        if due is None:
            self._arrived[label] = vector
            self._unclaimed += vector.nbytes
        elif due[0] != vector.size:  # awaited only after its header had come in
            self.refuse(self._wrong_length(vector.size, due[0]))
        else:
            del self._waiting[label]
            if not due[1].done():
                due[1].set_result(vector)

    def refuse(self, error: PeerError) -> None:
        """The peer is at fault."""
        self._watch.fail(error)

    def ended(self) -> None:
        """The connection is gone."""
        self._watch.ended(self.peer_pid)

    def paused(self, full: bool) -> None:
        """Back-pressure begins or ends."""
        if full:
            self._room = asyncio.get_running_loop().create_future()
        elif self._room is not None:
            if not self._room.done():
                self._room.set_result(None)
            self._room = None

    def _malformed(self, reason: str) -> PeerError:
        return PeerError(self.peer_pid, f"malformed frame: {reason}")

    def _wrong_length(self, words: int, due: int) -> PeerError:
        return PeerError(self.peer_pid, f"sent a message of {words} words where {due} are due")
