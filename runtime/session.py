"""``Session``: the only file that imports onnxruntime. Providers, threads, run.

ONNX Runtime reports usage by default since 1.29; ``ORT_DISABLE_TELEMETRY=1``, set before it is
imported, turns that off (https://github.com/microsoft/onnxruntime, docs/Privacy.md).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from skerry.runtime.errors import ModelFailure, UnsafeModel
from skerry.runtime.provider import CPU, CUDA, NO_CUDA, Choice, Fallback, Placement, missing, providers_for

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

onnxruntime.set_default_logger_severity(4)  # failures are raised; the log would say them twice

Array = np.ndarray

INEXACT = ["MatMulScaleFusion"]
"""Graph optimizers that change answers: this one keeps a float64 factor in a float32 attribute."""


_OPTIONS: dict[str, dict[str, str]] = {
    CPU: {},
    # TensorFloat-32 has 10 bits of a float32's 23; memory is taken as it is needed, as others may use the device too.
    CUDA: {"use_tf32": "0", "arena_extend_strategy": "kSameAsRequested"},
}
"""Provider → its options (onnxruntime, "CUDA Execution Provider")."""


class SessionConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How and where a model is run. ``intra_op_num_threads`` 0 means: as many as this process may use.

    ``fallback`` says what is done where ``provider`` is not there: refuse, or run on the CPU and say so.
    """

    intra_op_num_threads: int = 0
    provider: Choice = "cpu"
    fallback: Fallback = "refuse"


class Session:
    """A loaded graph: arrays in, arrays out. Safe to share between threads. ``placement`` says where its nodes run.

    Raises:
        UnsafeModel: onnxruntime refuses it.
        ServerError: the provider that was asked for is not there.
    """

    def __init__(self, model: bytes, config: SessionConfig | None = None) -> None:
        config = config or SessionConfig()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = config.intra_op_num_threads or available_cores()
        options.inter_op_num_threads = 1
        # A spinning pool burns its cores between requests (onnxruntime, "Thread management").
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        self._session, reason = _build(model, options, config)
        self.placement = Placement.of(
            (
                (part.ep_name, node.op_type)
                for part in self._session.get_provider_graph_assignment_info()
                for node in part.get_nodes()
            ),
            reason,
        )
        # InferenceSession.run checks the names of every call; here they were checked when the model was loaded.
        self._run = getattr(self._session, "_sess", self._session).run
        self.inputs: tuple[str, ...] = tuple(value.name for value in self._session.get_inputs())
        self.outputs: tuple[str, ...] = tuple(value.name for value in self._session.get_outputs())

    def run(self, feeds: Mapping[str, Array], outputs: Sequence[str]) -> list[Array]:
        """The named outputs for ``feeds``, one array each, in the order asked for."""
        try:
            return self._run(outputs, feeds, None)
        except Exception as error:
            raise ModelFailure(f"the model failed on valid rows: {_first_line(error)}") from error


def _build(model: bytes, options: Any, config: SessionConfig) -> tuple[Any, str]:
    """A session on the best of the providers that there are, and why it is not on the one that was asked for."""
    providers = providers_for(config.provider, onnxruntime.get_available_providers(), config.fallback)
    if CUDA not in providers:
        return _build_on(model, options, providers), NO_CUDA if config.provider == "cuda" else ""
    try:
        session = _build_on(model, options, providers)
        reason = "" if CUDA in session.get_providers() else "no CUDA device works here"
    except UnsafeModel as error:
        session, reason = None, f"no CUDA device works here: {error.text}"
    if reason and config.provider == "cuda" and config.fallback == "refuse":
        raise missing(reason)
    return session or _build_on(model, options, (CPU,)), reason


def _build_on(model: bytes, options: Any, providers: Sequence[str]) -> Any:
    try:
        return onnxruntime.InferenceSession(
            model,
            options,
            providers=[(name, _OPTIONS[name]) for name in providers],
            disabled_optimizers=INEXACT,
            enable_fallback=False,  # onnxruntime's own prints, and tells nobody
        )
    except Exception as error:  # onnxruntime's exceptions share no other base
        raise UnsafeModel(
            f"model.onnx: onnxruntime {onnxruntime.__version__} refuses it: {_first_line(error)}"
        ) from None


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
