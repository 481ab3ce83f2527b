"""``ServerWatch``: what the processes of a local server use while a run lasts."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from skerry.bench.http.generator import Address
from skerry.bench.results import ServerUse

UNSEEN = (psutil.Error, OSError)
"""A process that is gone, or that this user may not look at."""


class ServerWatch:
    """Looks at the server before and after a run.

    with ServerWatch(address) as watch:
        run = generate(address, ...)
    use = watch.use(seconds)
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._before: Sample | None = None
        self._after: Sample | None = None

    def __enter__(self) -> ServerWatch:
        self._root = find_server(self._address)
        self._before = _sample(self._root)
        return self

    def __exit__(self, *_: object) -> None:
        self._after = _sample(self._root)

    def use(self, seconds: float) -> ServerUse | None:
        """What the server used, given that it had work for ``seconds``; None where it is not on this machine, is another
        user's, is in this process, or is gone."""
        return used(self._before, self._after, seconds) if self._before and self._after else None


@dataclass(frozen=True)
class Sample:
    """Each process's processor seconds so far by its id, and the memory of all in bytes."""

    seconds: dict[int, float]
    memory: int


def used(before: Sample, after: Sample, seconds: float) -> ServerUse:
    """What was used between two samples, with work in ``seconds`` of the time: a generator of several processes takes its
    time to start. A process that began in between counts from its beginning, one that ended not."""
    spent = sum(so_far - before.seconds.get(process, 0.0) for process, so_far in after.seconds.items())
    return ServerUse(
        processes=len(after.seconds), cores=spent / seconds if seconds else 0.0, resident_memory=after.memory
    )


def find_server(address: Address) -> psutil.Process | None:
    """The process that all others of the server come from: it listens at ``address``, or is an ancestor of the one that does
    and the same program in the same process group; a shell or a test that started the server is none of it."""
    try:
        listener = _listener(address.port, _local_addresses(address))
        return None if listener is None or listener.pid == os.getpid() else _eldest(listener)
    except UNSEEN:
        return None


def _local_addresses(address: Address) -> set[str]:
    """What its host name means, as far as that is this machine."""
    found = {str(info[4][0]) for info in socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)}
    here = {each.address.partition("%")[0] for interface in psutil.net_if_addrs().values() for each in interface}
    return {each for each in found if each in here or each.startswith("127.")}


def _listener(port: int, hosts: set[str]) -> psutil.Process | None:
    listening = {
        each.pid
        for each in (psutil.net_connections("tcp") if hosts else ())
        if each.status == psutil.CONN_LISTEN and each.laddr.port == port and each.laddr.ip in hosts | _ANY and each.pid
    }
    return psutil.Process(min(listening)) if listening else None


_ANY = {"0.0.0.0", "::"}


def _eldest(process: psutil.Process) -> psutil.Process:
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    while (parent := process.parent()) is not None and parent.pid not in ours and _are_kin(parent, process):
        process = parent
    return process


def _are_kin(parent: psutil.Process, child: psutil.Process) -> bool:
    try:
        return parent.exe() == child.exe() and os.getpgid(parent.pid) == os.getpgid(child.pid)
    except (*UNSEEN, AttributeError):  # there are no process groups on Windows
        return False


def _sample(root: psutil.Process | None) -> Sample | None:
    """What ``root`` and everything it started have used so far."""
    if root is None:
        return None
    try:
        family = [root, *root.children(recursive=True)]
    except UNSEEN:
        return None
    seconds: dict[int, float] = {}
    memory = 0
    for process in _alive(family):
        try:
            times = process.cpu_times()
            memory += _memory(process)
            seconds[process.pid] = times.user + times.system
        except UNSEEN:
            continue
    return Sample(seconds, memory) if seconds else None


def _alive(family: Iterable[psutil.Process]) -> Iterable[psutil.Process]:
    """None of them is this process, or a zombie."""
    return (process for process in family if process.pid != os.getpid() and process.is_running())


def _memory(process: psutil.Process) -> int:
    """The proportional set size, which counts what processes share once, where the system knows it (Linux)."""
    try:
        return int(process.memory_full_info().pss)
    except (*UNSEEN, AttributeError):
        return int(process.memory_info().rss)
