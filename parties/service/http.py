"""What both HTTP APIs have in common: bodies read with limits, refusals as problem documents."""

import asyncio

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from parties.ledger import LedgerError
from parties.service.metrics import Metrics
from parties.service.problems import MEDIA_TYPE, Problem, RefusalError

BODY_SECONDS = 10.0
RETRY_AFTER_SECONDS = {Problem.RATE_LIMITED: 60, Problem.OVERLOADED: 1, Problem.STORAGE: 5}
BYTES = "application/octet-stream"

_BY_STATUS = {404: Problem.NOT_FOUND, 405: Problem.METHOD_NOT_ALLOWED}

_log = structlog.get_logger()


async def read_body(request: Request, bytes_max: int) -> bytes:
    """The body of a request, of at most this many bytes, all of which have come in time. Raises: RefusalError."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != BYTES:
        raise RefusalError(Problem.WRONG_MEDIA_TYPE)
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > bytes_max:
        raise RefusalError(Problem.OVERSIZED, most=bytes_max)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > bytes_max:
                    raise RefusalError(Problem.OVERSIZED, most=bytes_max)
    except (TimeoutError, ClientDisconnect):
        raise RefusalError(Problem.SLOW_BODY) from None
    return bytes(body)


def refuse(app: FastAPI, metrics: Metrics) -> None:
    """Have the application answer every kind of failure with a problem document, and count it."""

    def answer(problem: Problem, public: dict[str, int | str] | None = None) -> Response:
        metrics.refusals.labels(problem.slug).inc()
        headers = {"cache-control": "no-store"}
        if problem in RETRY_AFTER_SECONDS:
            headers["retry-after"] = str(RETRY_AFTER_SECONDS[problem])
        if problem is Problem.UNAUTHORIZED:
            headers["www-authenticate"] = "Claim"
        if problem in (Problem.OVERSIZED, Problem.SLOW_BODY):
            headers["connection"] = "close"  # the rest of the body is not waited for
        return JSONResponse(problem.document(public), problem.status, headers, MEDIA_TYPE)

    def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, RefusalError)
        return answer(error.problem, error.public)

    def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return answer(Problem.INVALID_REQUEST)  # what the error says repeats the request

    def by_status(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return answer(_BY_STATUS.get(error.status_code, Problem.INVALID_REQUEST))

    def storage(_: Request, error: Exception) -> Response:
        _log.error("storage fails", reason=str(error))
        return answer(Problem.STORAGE)

    def fault(_: Request, error: Exception) -> Response:  # noqa: ARG001  (logged by the server, without its text)
        return answer(Problem.INTERNAL)

    app.add_exception_handler(RefusalError, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, by_status)
    app.add_exception_handler(LedgerError, storage)
    app.add_exception_handler(Exception, fault)
