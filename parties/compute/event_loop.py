"""The event loop that all our processes use; imported without NumPy, MPyC or the engine."""

import asyncio


def new_event_loop() -> asyncio.AbstractEventLoop:
    """An event loop of uvloop where it is installed, else of asyncio."""
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
