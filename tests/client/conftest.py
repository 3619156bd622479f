"""Fixtures of the clients' tests: those of the meter's."""

from tests.meter.conftest import small

__all__ = ["small"]
