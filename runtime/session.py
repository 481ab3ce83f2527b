"""``Session``: the only file that imports onnxruntime. Providers, threads, run.

ONNX Runtime reports usage by default since 1.29; ``ORT_DISABLE_TELEMETRY=1``, set before it is
imported, turns that off (https://github.com/microsoft/onnxruntime, docs/Privacy.md).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from skerry.runtime.errors import ModelFailure, UnsafeModel

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

onnxruntime.set_default_logger_severity(4)  # failures are raised; the log would say them twice

Array = np.ndarray

INEXACT = ["MatMulScaleFusion"]
"""Graph optimizers that change answers: this one keeps a float64 factor in a float32 attribute."""


class SessionConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How a model is run. ``intra_op_num_threads`` 0 means: as many as this process may use."""

    intra_op_num_threads: int = 0


class Session:
    """A loaded graph: arrays in, arrays out. Safe to share between threads."""

    def __init__(self, model: bytes, config: SessionConfig | None = None) -> None:
        config = config or SessionConfig()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = config.intra_op_num_threads or available_cores()
        options.inter_op_num_threads = 1
        # A spinning pool burns its cores between requests (onnxruntime, "Thread management").
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"], disabled_optimizers=INEXACT
            )
        except Exception as error:  # onnxruntime's exceptions share no other base
            raise UnsafeModel(
                f"model.onnx: onnxruntime {onnxruntime.__version__} refuses it: {_first_line(error)}"
            ) from None
        self.inputs: tuple[str, ...] = tuple(value.name for value in self._session.get_inputs())
        self.outputs: tuple[str, ...] = tuple(value.name for value in self._session.get_outputs())

    def run(self, feeds: Mapping[str, Array], outputs: Sequence[str]) -> list[Array]:
        """The named outputs for ``feeds``, one array each, in the order asked for."""
        try:
            return self._session.run(outputs, feeds)
        except Exception as error:
            raise ModelFailure(f"the model failed on valid rows: {_first_line(error)}") from error


def runtime_version() -> str:
    """The version of onnxruntime that runs here."""
    return str(onnxruntime.__version__)


def available_cores() -> int:
    """Cores this process may use: affinity, and below it the container's CPU quota (cgroup v2, v1)."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, _quota() or allowed))


def _quota() -> int | None:
    """Whole cores of the CPU quota, rounded up; None without one (kernel docs, cgroup-v2 "cpu.max")."""
    root = Path("/sys/fs/cgroup")
    try:
        quota, period = (root / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota, period = ((root / "cpu" / file).read_text() for file in ("cpu.cfs_quota_us", "cpu.cfs_period_us"))
        except OSError:
            return None
    if quota.strip() in ("max", "-1"):
        return None
    return -(-int(quota) // int(period))


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
