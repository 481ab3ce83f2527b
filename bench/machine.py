"""``read_machine``: where it is measured; ``NoiseProbe``: how quiet it was meanwhile; ``warnings_of``: what that means."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from time import perf_counter

import msgspec
import numpy as np
import psutil

from skerry.bench.results import Machine

PACKAGES = ("skerry", "numpy", "onnxruntime", "scikit-learn")
"""Whose versions are noted, where they are installed."""

WORK = json.dumps([index / 7 for index in range(1_000)])
"""What the probe decodes and encodes: about a ms."""
REPEATS = 5
"""Times it does so in a sample."""

NOISY, TOO_NOISY = 0.15, 0.5
"""A quiet machine stays at 0.05."""
HIDDEN = 0.5
"""How wide the interval of a ratio from ten rounds is, as a share of the noise, if rounds are as noisy as the probe's work
and normal: the 90th percentile lies about 3.5 standard deviations above the least, and the interval is 1.7 wide."""
STEAL = 0.01

CPU = "sys/devices/system/cpu"
TURBO = {f"{CPU}/intel_pstate/no_turbo": "0", f"{CPU}/cpufreq/boost": "1"}
"""Files that say whether cores may run faster than they can for long, and what they then say."""


def read_machine(root: Path = Path("/")) -> Machine:
    """This machine, as this process may use it; what it does not tell is None. Linux tells more in files below ``root``."""
    memory = [psutil.virtual_memory().total, *_limits(root, "memory", MEMORY_LIMITS)]
    return Machine(
        processor=_processor(root) or platform.processor() or platform.machine(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        quota=min(_limits(root, "cpu", QUOTAS), default=None),
        memory=int(min(memory)),
        system=f"{platform.system()} {platform.release()}",
        versions=_versions(),
        load_average=os.getloadavg() if hasattr(os, "getloadavg") else None,
        governor=_text(root / CPU / "cpu0/cpufreq/scaling_governor"),
        turbo=next((text == on for name, on in TURBO.items() if (text := _text(root / name))), None),
    )


def _processor(root: Path) -> str | None:
    found = re.search(r"^model name\s*:\s*(.+)$", _text(root / "proc/cpuinfo") or "", re.MULTILINE)
    return found[1] if found else None


def _versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: found for name in PACKAGES if (found := _version(name))}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _text(file: Path) -> str | None:
    try:
        return file.read_text().strip()
    except OSError:
        return None


Limit = Callable[[Path], float | None]


def _limits(root: Path, controller: str, readers: tuple[Limit, ...]) -> list[float]:
    """What the control groups of this process allow, those that they are in included."""
    found = (reader(folder) for folder in _groups(root, controller) for reader in readers)
    return [limit for limit in found if limit is not None]


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of the groups; lines of /proc/self/cgroup are ``hierarchy:controllers:path``, in version 2 ``0::path``."""
    for line in (_text(root / "proc/self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers or controller in controllers.split(","):
            folder = root / "sys/fs/cgroup" / controllers
            yield from (folder / part.relative_to("/") for part in [PurePosixPath(path), *PurePosixPath(path).parents])


def _quota(folder: Path) -> float | None:
    """cpu.max is ``microseconds period``, or ``max period``."""
    quota, _, period = (_text(folder / "cpu.max") or "max").partition(" ")
    return None if quota == "max" else int(quota) / int(period)


def _quota_1(folder: Path) -> float | None:
    """In version 1 no quota is -1."""
    quota, period = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
    return int(quota) / int(period) if quota and period and int(quota) > 0 else None


def _memory(folder: Path) -> float | None:
    limit = _text(folder / "memory.max") or "max"
    return None if limit == "max" else int(limit)


def _memory_1(folder: Path) -> float | None:
    """In version 1 no limit is one larger than any memory."""
    limit = _text(folder / "memory.limit_in_bytes")
    return int(limit) if limit else None


QUOTAS: tuple[Limit, ...] = (_quota, _quota_1)
MEMORY_LIMITS: tuple[Limit, ...] = (_memory, _memory_1)


class NoiseProbe:
    """Does the same small work between the rounds, and sees how long it takes and what the host takes away meanwhile.

        with NoiseProbe() as probe:
            for round in range(rounds):
                ...
                probe.sample()
        machine = probe.note(machine)

    ``noise``, ``steal`` and ``switches`` are what ``Machine`` says of them, at any time; None without a sample, or where
    the system does not tell.
    """

    def __init__(self) -> None:
        self._seconds: list[float] = []
        self._switches: int = 0
        self._begun = psutil.cpu_times()

    def __enter__(self) -> NoiseProbe:
        _work()  # the first time takes longer anywhere
        self.sample()
        return self

    def __exit__(self, *unused: object) -> None:
        self.sample()

    def sample(self) -> None:
        """Takes about 5 ms on the calling thread."""
        before = _involuntary_switches()
        self._seconds += [_work() for _ in range(REPEATS)]
        self._switches += _involuntary_switches() - before

    @property
    def noise(self) -> float | None:
        return float(np.quantile(self._seconds, 0.9) / min(self._seconds) - 1) if self._seconds else None

    @property
    def steal(self) -> float | None:
        """Of the time in which cores had work, all processes together."""
        return stolen(self._begun, psutil.cpu_times())

    @property
    def switches(self) -> float | None:
        return self._switches / sum(self._seconds) if self._seconds else None

    def note(self, machine: Machine) -> Machine:
        return msgspec.structs.replace(machine, noise=self.noise, steal=self.steal, switches=self.switches)


def stolen(before: object, after: object) -> float | None:
    """The share of the busy time between two ``psutil.cpu_times()`` in which the host ran something else."""
    if not hasattr(after, "steal"):
        return None
    busy, steal = (
        sum(getattr(after, name) - getattr(before, name) for name in names)
        for names in (("user", "nice", "system", "irq", "softirq", "steal"), ("steal",))
    )
    return float(steal / busy) if busy > 0 else 0.0


def _work() -> float:
    """Seconds."""
    begun = perf_counter()
    json.dumps(json.loads(WORK))
    return perf_counter() - begun


def _involuntary_switches() -> int:
    """Of this process since it began; Windows counts none."""
    return int(psutil.Process().num_ctx_switches().involuntary)


def warnings_of(machine: Machine) -> list[str]:
    """A sentence for each thing that makes what is measured on ``machine`` less believable."""
    return [sentence for warn in _WARNINGS if (sentence := warn(machine))]


def _of_load(machine: Machine) -> str | None:
    cores = min(machine.cores, machine.quota or machine.cores)
    if machine.load_average is None or machine.load_average[0] <= max(cores - 1, 0.5):
        return None
    return f"the machine was busy before: a load of {machine.load_average[0]:.1f} on {_cores(cores)} leaves none free"


def _of_quota(machine: Machine) -> str | None:
    if machine.quota is None or machine.quota >= machine.cores:
        return None
    return (
        f"only {machine.quota:.3g} of {_cores(machine.cores)} may be used (cgroup quota): what needs more is stopped for "
        "some of every tenth of a second, and that shows in the high percentiles"
    )


def _of_steal(machine: Machine) -> str | None:
    if machine.steal is None or machine.steal <= STEAL:
        return None
    return f"the host took away {machine.steal:.1%} of the processor time".replace("%", " %")


def _of_noise(machine: Machine) -> str | None:
    if machine.noise is None or machine.noise <= NOISY:
        return None
    head = "the machine is too noisy to say" if machine.noise > TOO_NOISY else "the machine is noisy"
    return (
        f"{head}: the same work took {machine.noise:.0%} longer at its 90th percentile than at best, "
        f"so ten rounds may not show a difference below {HIDDEN * machine.noise:.0%}"
    ).replace("%", " %")


def _of_governor(machine: Machine) -> str | None:
    if machine.governor in (None, "performance"):
        return None
    return (
        f"the frequency governor is {machine.governor}, not performance: how fast a core is depends on what it just did"
    )


def _of_turbo(machine: Machine) -> str | None:
    if not machine.turbo:
        return None
    return "turbo is on: how fast a core is depends on how busy and how warm the others are"


def _cores(count: float) -> str:
    return f"{count:.3g} core{'' if count == 1 else 's'}"


_WARNINGS: tuple[Callable[[Machine], str | None], ...] = (
    _of_noise,
    _of_load,
    _of_quota,
    _of_steal,
    _of_governor,
    _of_turbo,
)
