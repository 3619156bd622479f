"""Settings of all tests."""

import signal

from hypothesis import settings

# A busy machine must not fail a test: nothing here is timed.
settings.register_profile("mpc-market", deadline=None)
settings.load_profile("mpc-market")

# A shell that runs the tests in the background hands down that Ctrl-C is ignored; what they start must hear it.
signal.signal(signal.SIGINT, signal.default_int_handler)
