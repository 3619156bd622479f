"""Running the command line inside the test process."""

import io
import sys
from types import ModuleType

import pytest

from parties.cli.main import main
from tests.cli.standin import Ended, PlainParties, Run


@pytest.fixture
def parties(monkeypatch: pytest.MonkeyPatch) -> type[PlainParties]:
    """Put the stand-in where the command line looks for the compute parties."""

    class Fresh(PlainParties):
        pass

    module = ModuleType("parties.local")
    module.LocalParties = Fresh  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "parties.local", module)
    return Fresh


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("clear", "orders.csv", stdin=b"…")`: what `mpc-market clear orders.csv` does."""

    def run(*arguments: str, stdin: bytes = b"") -> Ended:
        monkeypatch.setattr(sys, "argv", ["mpc-market", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        code = end.value.code
        assert isinstance(code, int)
        return Ended(code, out, err)

    return run
