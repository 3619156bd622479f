"""Hosts on one machine: network namespaces whose only line to each other is one that can be made slow, lossy, or cut.

    host 0 ──veth── p0 ┐
    host 1 ──veth── p1 ├ namespace "net": netem and a bridge where the kernel has netem, else `switch`
    host 2 ──veth── p2 ┘

Every host is 10.77.0.(number + 1), with a loopback of its own. Names have the process number in them; what a killed
run has left is removed by the next one.
"""

import ctypes
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from soak.switch import Line

_PREFIX = "mpc-market"
_RUN = Path("/run/netns")
_NET = "net"
_ROOT = Path(__file__).resolve().parents[1]
_CLONE_NEWNET = 0x40000000
_SIOCETHTOOL, _SET_TX_CHECKSUMS, _SET_TSO, _SET_GSO, _SET_GRO = 0x8946, 0x17, 0x1F, 0x24, 0x2C


def why_not() -> str | None:
    """Why there can be no hosts here, or None."""
    if sys.platform != "linux" or shutil.which("ip") is None:
        return "network namespaces need Linux and iproute2"
    if os.geteuid() != 0:
        return "network namespaces need root"
    name = f"{_PREFIX}-{os.getpid()}-try"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"network namespaces are not permitted here: {tried.stderr.strip()}"
    _ip("netns", "del", name)
    return None


class Hosts:
    """A number of hosts. As a context manager it removes them, and ends what still runs in them."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.addresses = [f"10.77.0.{number + 1}" for number in range(count)]
        self._stack = ExitStack()
        self._switch: subprocess.Popen[str] | None = None
        self.netem = False
        """Whether the kernel shapes the lines, or `switch`."""

    def __enter__(self) -> Self:
        _sweep()
        with ExitStack() as stack:
            for name in (self.name(_NET), *map(self.name, range(self.count))):
                _ip("netns", "add", name)
                stack.callback(_remove, name)
            for number in range(self.count):
                self._connect(number)
            self.netem = self._tc("add", "p0", "delay", "0ms")
            if self.netem:
                self._bridge()
            else:
                stack.enter_context(self._switching())
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._stack.close()

    def name(self, host: int | str) -> str:
        """The name of a host's namespace."""
        return f"{_PREFIX}-{os.getpid()}-{host}"

    def command(self, host: int | str) -> list[str]:
        """What to put before a command that is to run there."""
        return ["ip", "netns", "exec", self.name(host)]

    @contextmanager
    def inside(self, host: int | str) -> Iterator[None]:
        """Sockets that this thread makes meanwhile are that host's."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(_RUN / self.name(host), os.O_RDONLY)
        try:
            _enter(there)
            try:
                yield
            finally:
                _enter(home)
        finally:
            os.close(home)
            os.close(there)

    def shape(self, line: Line) -> None:
        """Make all lines so."""
        if not self.netem:
            self._tell(vars(line))
            return
        limits = ["delay", f"{line.delay_ms}ms", "loss", f"{100 * line.loss}%"]
        limits += ["rate", f"{line.mbit_per_s}mbit"] if line.mbit_per_s else []
        for number in range(self.count):
            self._tc("change", f"p{number}", *limits)

    def cut(self, *hosts: int) -> None:
        """Let nothing pass from or to these hosts, and everything between the others: none heals all."""
        if not self.netem:
            self._tell({"cut": list(hosts)})
            return
        for number in range(self.count):
            _ip("-n", self.name(_NET), "link", "set", f"p{number}", "down" if number in hosts else "up")

    def frames(self) -> dict[str, int]:
        """How many frames `switch` has passed on and lost so far; nothing with netem."""
        return {} if self.netem else self._tell({})

    def _connect(self, number: int) -> None:
        net, name, end = self.name(_NET), self.name(number), f"e{number}"
        _ip("-n", net, "link", "add", f"p{number}", "type", "veth", "peer", "name", end)
        with self.inside(_NET):
            for interface in (f"p{number}", end):
                _send_whole_frames(interface)
        _ip("-n", net, "link", "set", end, "netns", name, "name", "eth0")
        _ip("netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
        _ip("-n", name, "addr", "add", f"{self.addresses[number]}/24", "dev", "eth0")
        for interface in ("lo", "eth0"):
            _ip("-n", name, "link", "set", interface, "up")
        _ip("-n", net, "link", "set", f"p{number}", "up")

    @contextmanager
    def _switching(self) -> Iterator[None]:
        ports = [f"p{number}" for number in range(self.count)]
        command = [*self.command(_NET), sys.executable, "-m", "soak.switch", *ports]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT, start_new_session=True
        ) as self._switch:
            try:
                assert self._switch.stdout is not None
                assert self._switch.stdout.readline() == "ready\n"
                yield
            finally:
                self._switch.kill()

    def _tell(self, command: dict[str, object]) -> dict[str, int]:
        assert self._switch is not None
        assert self._switch.stdin is not None
        assert self._switch.stdout is not None
        self._switch.stdin.write(json.dumps(command) + "\n")
        self._switch.stdin.flush()
        told: dict[str, int] = json.loads(self._switch.stdout.readline())
        return told

    def _bridge(self) -> None:
        net = self.name(_NET)
        _ip("-n", net, "link", "add", "bridge", "type", "bridge")
        _ip("-n", net, "link", "set", "bridge", "up")
        for number in range(self.count):
            _ip("-n", net, "link", "set", f"p{number}", "master", "bridge")
            if number:
                self._tc("add", f"p{number}", "delay", "0ms")

    def _tc(self, verb: str, interface: str, *limits: str) -> bool:
        command = ["tc", "-n", self.name(_NET), "qdisc", verb, "dev", interface, "root", "netem", *limits]
        try:
            return subprocess.run(command, capture_output=True, check=False).returncode == 0
        except FileNotFoundError:
            return False


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _try(*arguments: str) -> bool:
    return subprocess.run(["ip", *arguments], check=False, capture_output=True).returncode == 0


def _enter(namespace: int) -> None:
    """setns(2) of this thread."""
    if ctypes.CDLL(None, use_errno=True).setns(namespace, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _send_whole_frames(interface: str) -> None:
    """Frames as they would be on a wire: of the size of the MTU, with their checksums. A veth leaves both undone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for feature in (_SET_TX_CHECKSUMS, _SET_TSO, _SET_GSO, _SET_GRO):
            value = ctypes.create_string_buffer(struct.pack("II", feature, 0))
            request = struct.pack("16sP", interface.encode(), ctypes.addressof(value))
            fcntl.ioctl(any_socket, _SIOCETHTOOL, request)


def _remove(name: str) -> None:
    listed = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False)
    for pid in listed.stdout.split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    _try("netns", "del", name)


def _sweep() -> None:
    """Remove what runs have left that were killed."""
    for path in _RUN.glob(f"{_PREFIX}-*"):
        found = re.fullmatch(rf"{_PREFIX}-(\d+)-\w+", path.name)
        if found and not Path(f"/proc/{found[1]}").exists():
            _remove(path.name)
