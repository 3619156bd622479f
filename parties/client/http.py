"""httpx, without two things that cost a meter more than the rest of it."""

import sys

# Its command line, which brings `rich` along where that is installed: 10 MB. httpx is written to do without.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
# Tells asyncio from trio. Where it is not installed, httpcore searches the disk for it at every lock that it takes:
# a fifth of the processor time of a request. Without it, asyncio is assumed.
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]

import httpx  # noqa: E402

__all__ = ["httpx"]
