"""Running tests that are coroutines."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

SECONDS = 120


Test = Callable[..., Coroutine[Any, Any, None]]


def within(seconds: float) -> Callable[[Test], Callable[..., None]]:
    """Run a test in an event loop of its own; whatever the loop complains about is a failure."""

    def decorate(test: Test) -> Callable[..., None]:
        @functools.wraps(test)
        def run(*args: Any, **kwargs: Any) -> None:
            async def limited() -> None:
                complaints: list[dict[str, Any]] = []
                asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
                await asyncio.wait_for(test(*args, **kwargs), seconds)
                await asyncio.sleep(0)
                assert complaints == []

            asyncio.run(limited())

        return run

    return decorate


asynchronous = within(SECONDS)
