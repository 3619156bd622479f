"""Whatever goes wrong in a compute process, standard error gets JSON lines, and nothing of what was computed on."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECRET = "price 4711"

DEEDS = {
    "error": f"raise KeyError({SECRET!r})",
    "error with a cause": f"""
try:
    int({SECRET!r})
except ValueError as error:
    raise RuntimeError({SECRET!r}) from error""",
    "warning": f"warnings.warn({SECRET!r})",
    "runtime warning": "np.array([0]) / np.array([0])",
    "log line": f"logging.getLogger('asyncio').error('slow: %s', {SECRET!r})",
    "thread": f"""
def fails():
    raise ValueError({SECRET!r})
thread = threading.Thread(target=fails, name={SECRET!r})
thread.start()
thread.join()""",
    "error in a destructor": f"""
class Dying:
    def __del__(self):
        raise ValueError({SECRET!r})
dying = Dying()
del dying""",
    "task": f"""
async def fails():
    raise ValueError({SECRET!r})
async def run():
    asyncio.get_running_loop().set_exception_handler(say_context)
    task = asyncio.create_task(fails())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    gc.collect()
asyncio.run(run())""",
}


def stderr_of(code: str) -> list[str]:
    imports = "import asyncio, gc, logging, threading, warnings\nimport numpy as np\n"
    hooks = "from parties.compute.complaints import say_context, without_texts\nwithout_texts()\n"
    done = subprocess.run(
        [sys.executable, "-c", imports + hooks + code], check=False, capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


@pytest.mark.parametrize("deed", DEEDS)
def test_what_goes_wrong_is_said_without_its_text(deed: str) -> None:
    lines = stderr_of(DEEDS[deed])
    assert lines
    for line in lines:
        assert "4711" not in line
        event = json.loads(line)
        assert event["event"] == "compute process complains"
        assert event["where"]
