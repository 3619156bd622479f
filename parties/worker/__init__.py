"""Compute processes as those see them who start them: a market on this machine, or the service of one compute party.

The secure computation runs in a process of its own (`parties.compute`), so that a crash or a stall in it costs an
attempt and never the service. Between the two is a private socket pair: nothing secret is in the arguments or the
environment of the process, and nothing but what it must have is in its environment at all.

    async with await Worker.start() as worker:
        address = await worker.listen("0.0.0.0", range(9000, 9100))
        ...                                           # told to the peers, and theirs heard
        await worker.connect(Connect(party, addresses, tokens, tls))
        result = await worker.clear(given, on_verdicts, seconds=20)

Whatever happens inside, nothing of the process is left after `async with`. This package needs neither NumPy nor MPyC.
"""

from parties.worker.clearing import ClearingInput, ClearingResult
from parties.worker.errors import WorkerError
from parties.worker.settlement import ClosingInput, ClosingResult, GroupTotal, SettlementInput, SettlementResult
from parties.worker.worker import OnVerdicts, Worker

__all__ = [
    "ClearingInput",
    "ClearingResult",
    "ClosingInput",
    "ClosingResult",
    "GroupTotal",
    "OnVerdicts",
    "SettlementInput",
    "SettlementResult",
    "Worker",
    "WorkerError",
]
