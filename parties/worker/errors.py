"""What can go wrong with one's own worker, as opposed to a peer."""

from mpc_market.errors import ProtocolError


class WorkerError(ProtocolError):
    """This party's own worker ended, does not answer, or sends what it must not: start another one."""
