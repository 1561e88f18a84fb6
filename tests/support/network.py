"""A network namespace of a test's own, for clients of this machine's servers that are to see them over a bad line.

In there ``127.0.0.1`` is this machine: its packets leave over the line, so every address that a server announces to its
clients works unchanged, and no server has to be moved. What listens in there listens on the namespace's own address.
Everything vanishes with the process that made it.
"""

import ctypes
import fcntl
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from tests.support.lines import Line

TUN = Path("/dev/net/tun")
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
PROGRAMS = ("ip", "nsenter", "unshare")
TEST_ADDRESSES = IPv4Address("198.18.0.0")
"""RFC 2544: set aside for tests of networks, so that no real one is in the way."""
TEST_NETWORK = f"{TEST_ADDRESSES}/15"
BLOCKS = 2**15
"""How many networks of four addresses each fit in there."""
_SET_INTERFACE = 0x400454CA  # TUNSETIFF, linux/if_tun.h
_PLAIN_PACKETS = 0x1 | 0x1000  # IFF_TUN | IFF_NO_PI
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET, linux/sched.h


def why_no_network() -> str | None:
    """Why a process cannot have a network of its own here, in words; ``None`` where it can."""
    if os.geteuid() != 0:
        return "only root may make a network namespace"
    missing = [name for name in PROGRAMS if shutil.which(name, path=SYSTEM_PATH) is None]
    if missing:
        return f"{', '.join(missing)} is not installed; install it with: apt-get install iproute2 util-linux"
    return None if TUN.exists() else f"the kernel has no {TUN}"


@dataclass(frozen=True, slots=True)
class Network:
    """A network namespace at the end of a line.

    Attributes:
        file: what ``nsenter`` and ``setns`` take.
        address: where a server in there is reached from here.
        line: the line.
    """

    file: Path
    address: str
    line: Line

    def enter(self) -> tuple[str, ...]:
        """What to put before a command so that it runs in there; the process keeps its id."""
        return (_program("nsenter"), f"--net={self.file}", "--")


@contextmanager
def own_network() -> Iterator[Network]:
    """Make a namespace and its line; whatever still runs in there at the end has no network any more."""
    with _namespace() as holder:
        (near, near_name), (far, far_name) = _device(), _device()
        line = Line(near, far)
        try:
            yield Network(Path(f"/proc/{holder}/ns/net"), _connect(holder, near_name, far_name), line)
        finally:
            line.close()


def enter_network(file: Path) -> None:
    """Move this thread, and those that it will start, into a namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with file.open("rb") as namespace:
        if libc.setns(namespace.fileno(), _NEW_NETWORK) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(file))


@contextmanager
def _namespace() -> Iterator[int]:
    """A namespace lives as long as a process is in it: this one ends when its standard input does, so with us."""
    command = [_program("unshare"), "--net", "sh", "-c", "echo there; exec cat"]
    with subprocess.Popen(  # noqa: S603 - built from constants
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline(), "the namespace could not be made"
            yield holder.pid
        finally:
            holder.kill()


def _device() -> tuple[int, str]:
    """A TUN device, which vanishes when its descriptor is closed: descriptor, name."""
    descriptor = os.open(TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    answer = fcntl.ioctl(descriptor, _SET_INTERFACE, struct.pack("16sH22x", b"photo%d", _PLAIN_PACKETS))
    return descriptor, answer[:16].rstrip(b"\0").decode()


def _connect(holder: int, near: str, far: str) -> str:
    """Give both ends an address, and lead the loopback addresses of the namespace here."""
    index = socket.if_nametoindex(near)
    here = TEST_ADDRESSES + 4 * (index % BLOCKS) + 1  # no two devices have the same index
    inside = (_program("nsenter"), f"--net=/proc/{holder}/ns/net", "--")
    _run("ip", "link", "set", far, "netns", str(holder))
    # What listens in there is reached from in there, too; the loopback addresses are not its own.
    _run("ip", "link", "set", "lo", "up", inside=inside)
    _run("ip", "address", "delete", "127.0.0.1/8", "dev", "lo", inside=inside)
    _configure((), near, here)
    _configure(inside, far, here + 1)
    for beyond in ("127.0.0.0/8", TEST_NETWORK):
        _run("ip", "route", "add", beyond, "via", str(here), "dev", far, inside=inside)
    return str(here + 1)


def _configure(inside: Sequence[str], device: str, address: IPv4Address) -> None:
    _run("ip", "address", "add", f"{address}/30", "dev", device, inside=inside)
    _run("ip", "link", "set", device, "up", inside=inside)
    # Loopback addresses are not allowed on a line otherwise; and one namespace is to reach the others through here.
    for setting in ("route_localnet", "forwarding"):
        _run("sh", "-c", f"echo 1 > /proc/sys/net/ipv4/conf/{device}/{setting}", inside=inside)


def _run(program: str, *arguments: str, inside: Sequence[str] = ()) -> None:
    subprocess.run([*inside, _program(program), *arguments], check=True)  # noqa: S603 - built from constants


def _program(name: str) -> str:
    return shutil.which(name, path=SYSTEM_PATH) or name
