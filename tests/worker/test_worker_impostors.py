"""What is started as a worker and is none: the service says so, and no process is left (conftest)."""

import sys

import pytest

from parties.worker import Worker, WorkerError, worker
from tests.worker.services import run

READY = "import os; header = b'{\"kind\": \"ready\"}'; os.write(0, len(header).to_bytes(4, 'little') + header)\n"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise SystemExit(3)", "its process ended with exit status 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", r"its process was killed \(signal 9, SIGKILL\)"),
        (
            "import os; os.write(0, b'\\xff' * 100); os.read(0, 1)",
            "malformed message: a message header of 4294967295 bytes",
        ),
        (
            "import os; os.write(0, b'\\2\\0\\0\\0[]'); os.read(0, 1)",
            "malformed message: a message header that is not a",
        ),
        ("import os; os.write(0, b'\\2\\0\\0\\0{}'); os.read(0, 1)", "malformed message: malformed message: kind"),
        ("import os, time; os.close(0); time.sleep(60)", "its process has closed the channel"),
        (READY.replace("ready", "stage") + "os.read(0, 1)", "sent the message 'stage' instead of 'ready'"),
    ],
)
def test_what_is_no_worker_is_refused(code: str, message: str) -> None:
    async def test() -> None:
        with pytest.raises(WorkerError, match=message):
            await Worker.start([sys.executable, "-c", code])

    run(test)


@pytest.mark.parametrize("kind", ["cleared", "verdicts"])
def test_an_answer_that_nobody_asked_for_is_refused(kind: str) -> None:
    code = READY + "\n".join(
        (
            "import json",
            f"header = json.dumps({{'kind': '{kind}', 'submissions': 2**39}}).encode()",
            "os.write(0, len(header).to_bytes(4, 'little') + header)",
            "while os.read(0, 100): pass",
        )
    )

    async def test() -> None:
        async with await Worker.start([sys.executable, "-c", code]) as liar:
            assert "malformed message" in str(await liar.failed)
            with pytest.raises(WorkerError, match="malformed message"):
                await liar.listen("127.0.0.1", range(0))

    run(test)


def test_a_silent_process_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_START_SECONDS", 0.5)
    monkeypatch.setattr(worker, "_LISTEN_SECONDS", 0.5)

    async def test() -> None:
        with pytest.raises(WorkerError, match=r"has not answered within 0\.5 s"):
            await Worker.start([sys.executable, "-c", "import time; time.sleep(60)"])
        monkeypatch.setattr(worker, "_START_SECONDS", 20.0)
        async with await Worker.start([sys.executable, "-c", READY + "import time; time.sleep(60)"]) as silent:
            with pytest.raises(WorkerError, match=r"has not answered within 0\.5 s"):
                await silent.listen("127.0.0.1", range(0))

    run(test)


def test_a_program_that_is_not_there() -> None:
    async def test() -> None:
        with pytest.raises(WorkerError, match="cannot be started: No such file"):
            await Worker.start(["/nowhere/python"])

    run(test)
