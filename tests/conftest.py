"""Settings of all tests."""

from hypothesis import settings

# A busy machine must not fail a test: nothing here is timed.
settings.register_profile("mpc-market", deadline=None)
settings.load_profile("mpc-market")
