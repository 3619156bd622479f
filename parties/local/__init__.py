"""A market on this machine: compute parties as processes, a book dealt to them, the outcome put together.

Run by whoever owns all the orders (the command line, the demo, a benchmark): it sees them, so it is no
party of the protocol but stands for all the meters at once. What is protected: no party's process ever
holds another party's share, neither in its memory nor on its channel, and the processes talk to each other
only through `parties.net`. What is not: all of them run under one user on one machine, whose owner could
read every process's memory, over loopback without TLS. A real market runs every party in a trust domain of
its own.
"""

from parties.local.market import LocalParties
from parties.local.outcome import Figures, Outcome

__all__ = ["Figures", "LocalParties", "Outcome"]
