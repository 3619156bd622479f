"""MPyC, imported without its side effects: the only import of mpyc in the project.

Importing `mpyc.runtime` 0.11 parses `sys.argv` (and takes `-M`, `-P`, `--ssl` … out of it), reads `MPYC_*`
variables, configures the root logger to write to standard output, replaces the event loop policy, builds a
global runtime and caches an event loop for it. All of that stands behind its switch for building
documentation, so the import is done with that switch on and with an environment free of MPyC's own
variables. Both are put back afterwards, and so are the handlers of the root logger. What we take from MPyC
are its classes; the runtime of a party is constructed by us.
"""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_SWITCH = "READTHEDOCS"


@contextmanager
def _without_side_effects() -> Iterator[None]:
    arguments = sys.argv
    handlers = list(logging.root.handlers)
    environment = dict(os.environ)
    sys.argv = ["mpc-market"]
    for name in environment:
        if name.startswith("MPYC_"):
            del os.environ[name]
    os.environ[_SWITCH] = "True"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it uses a NumPy module by its old name
            yield
    finally:
        sys.argv = arguments
        logging.root.handlers[:] = handlers
        os.environ.clear()
        os.environ.update(environment)


with _without_side_effects():
    from mpyc.asyncoro import MessageExchanger
    from mpyc.runtime import Party, Runtime

__all__ = ["MessageExchanger", "Party", "Runtime"]
