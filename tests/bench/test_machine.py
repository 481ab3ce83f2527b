from __future__ import annotations

import platform
from collections import namedtuple
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import pytest

from skerry.bench.intervals import detectable, ratio_interval
from skerry.bench.machine import HIDDEN, NoiseProbe, read_machine, stolen, warnings_of
from skerry.bench.results import Machine

GIB = 2**30
QUIET = Machine(
    processor="Some Processor",
    cores=8,
    quota=None,
    memory=16 * GIB,
    system="Linux 6.1",
    versions={"python": "3.11.7"},
    load_average=(0.2, 0.3, 0.1),
    governor="performance",
    turbo=False,
    noise=0.05,
    steal=0.001,
    switches=0.0,
)


def system(root: Path, files: dict[str, str]) -> Path:
    """The files of a Linux, below ``root``."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_this_machine_is_described() -> None:
    machine = read_machine()
    assert machine.processor
    assert 1 <= machine.cores <= (psutil.cpu_count() or 1)
    assert 0 < machine.memory <= psutil.virtual_memory().total
    assert machine.system.startswith(platform.system())
    assert machine.versions["skerry"] == version("skerry")
    assert {"python", "numpy", "onnxruntime"} <= machine.versions.keys()
    assert msgspec.json.decode(msgspec.json.encode(machine), type=Machine) == machine


def test_what_the_system_does_not_tell_is_none(tmp_path: Path) -> None:
    machine = read_machine(tmp_path)
    assert (machine.quota, machine.governor, machine.turbo) == (None, None, None)
    assert (machine.processor, machine.memory) == (
        platform.processor() or platform.machine(),
        psutil.virtual_memory().total,
    )


def test_a_linux_names_its_processor(tmp_path: Path) -> None:
    root = system(tmp_path, {"proc/cpuinfo": "processor\t: 0\nmodel name\t: Fast CPU @ 3 GHz\nmodel name\t: other\n"})
    assert read_machine(root).processor == "Fast CPU @ 3 GHz"


@pytest.mark.parametrize(
    ("files", "quota", "memory"),
    [
        (
            {
                "proc/self/cgroup": "0::/pods/mine\n",
                "sys/fs/cgroup/pods/mine/cpu.max": "max 100000\n",
                "sys/fs/cgroup/pods/cpu.max": "150000 100000\n",
                "sys/fs/cgroup/pods/mine/memory.max": "1048576\n",
                "sys/fs/cgroup/pods/memory.max": "max\n",
            },
            1.5,
            2**20,
        ),
        (
            {
                "proc/self/cgroup": "5:memory:/mine\n4:cpu,cpuacct:/mine\n1:name=systemd:/\n",
                "sys/fs/cgroup/cpu,cpuacct/mine/cpu.cfs_quota_us": "50000\n",
                "sys/fs/cgroup/cpu,cpuacct/mine/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/memory/mine/memory.limit_in_bytes": "1048576\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            0.5,
            2**20,
        ),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2.0, None),
        ({"proc/self/cgroup": "0::/elsewhere\n"}, None, None),
    ],
    ids=["version 2", "version 1", "in a namespace", "without limits"],
)
def test_control_groups_limit_what_may_be_used(
    tmp_path: Path, files: dict[str, str], quota: float | None, memory: int | None
) -> None:
    machine = read_machine(system(tmp_path, files))
    assert (machine.quota, machine.memory) == (quota, memory or psutil.virtual_memory().total)


@pytest.mark.parametrize(
    ("file", "text", "turbo"),
    [
        ("intel_pstate/no_turbo", "0\n", True),
        ("intel_pstate/no_turbo", "1\n", False),
        ("cpufreq/boost", "1\n", True),
        ("cpufreq/boost", "0\n", False),
    ],
)
def test_turbo_is_read_where_it_is_told(tmp_path: Path, file: str, text: str, turbo: bool) -> None:
    cpu = "sys/devices/system/cpu"
    root = system(tmp_path, {f"{cpu}/{file}": text, f"{cpu}/cpu0/cpufreq/scaling_governor": "powersave\n"})
    machine = read_machine(root)
    assert (machine.turbo, machine.governor) == (turbo, "powersave")


def test_a_probe_notes_what_it_saw() -> None:
    with NoiseProbe() as probe:
        probe.sample()
    machine = probe.note(QUIET)
    assert machine == msgspec.structs.replace(
        QUIET, noise=probe.noise, steal=machine.steal, switches=probe.switches
    )  # steal goes on
    assert machine.noise is not None
    assert machine.switches is not None
    assert machine.noise >= 0
    assert machine.switches >= 0


def test_a_probe_that_never_sampled_says_nothing() -> None:
    probe = NoiseProbe()
    assert (probe.noise, probe.switches) == (None, None)


Times = namedtuple("Times", "user nice system idle iowait irq softirq steal")


def test_steal_is_a_share_of_the_busy_time() -> None:
    before = Times(user=10, nice=0, system=2, idle=50, iowait=1, irq=0, softirq=0, steal=1)
    after = Times(user=17, nice=1, system=3, idle=90, iowait=2, irq=0, softirq=0, steal=2)
    assert stolen(before, after) == 0.1
    assert stolen(before, before) == 0.0
    assert stolen((), ()) is None


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"noise": None, "steal": None, "governor": None, "turbo": None, "load_average": None}, []),
        ({"load_average": (7.0, 0, 0)}, []),
        (
            {"load_average": (7.4, 0, 0)},
            ["the machine was busy before: a load of 7.4 on 8 cores leaves none free"],
        ),
        ({"cores": 1, "load_average": (0.4, 0, 0)}, []),
        (
            {"cores": 1, "load_average": (0.6, 0, 0)},
            ["the machine was busy before: a load of 0.6 on 1 core leaves none free"],
        ),
        (
            {"quota": 1.5},
            [
                "only 1.5 of 8 cores may be used (cgroup quota): what needs more is stopped for some of every tenth of "
                "a second, and that shows in the high percentiles"
            ],
        ),
        ({"quota": 8.0}, []),
        ({"steal": 0.031}, ["the host took away 3.1 % of the processor time"]),
        (
            {"noise": 0.2},
            [
                "the machine is noisy: the same work took 20 % longer at its 90th percentile than at best, so ten rounds "
                "may not show a difference below 10 %"
            ],
        ),
        (
            {"noise": 0.7},
            [
                "the machine is too noisy to say: the same work took 70 % longer at its 90th percentile than at best, so "
                "ten rounds may not show a difference below 35 %"
            ],
        ),
        (
            {"governor": "powersave"},
            [
                "the frequency governor is powersave, not performance: how fast a core is depends on what it just did",
            ],
        ),
        ({"turbo": True}, ["turbo is on: how fast a core is depends on how busy and how warm the others are"]),
    ],
)
def test_what_makes_a_measurement_less_believable_is_said(changed: dict[str, Any], expected: list[str]) -> None:
    assert warnings_of(msgspec.structs.replace(QUIET, **changed)) == expected


def test_so_much_noise_hides_so_much() -> None:
    """The share that the warning names is how wide the interval of a ratio from ten rounds is."""
    random = np.random.default_rng(0)
    shares = []
    for _ in range(300):
        work = 1 + 0.05 * random.standard_normal(60)
        logs = 0.05 * (random.standard_normal(10) - random.standard_normal(10))
        interval = ratio_interval(logs)
        assert interval is not None
        shares.append(detectable(interval) / (np.quantile(work, 0.9) / work.min() - 1))
    assert pytest.approx(np.median(shares), abs=0.05) == HIDDEN
