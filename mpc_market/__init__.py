"""A double auction for local electricity, computed on secret shares so that nobody sees an order."""

__version__ = "0.1.0"
