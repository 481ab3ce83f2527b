"""``statistics``: the totals in the shape of Triton's statistics extension.

Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_statistics.md
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from skerry.runtime.observability.tally import STEPS, Tally, Totals

_NAMES = {"parse": "compute_input", "infer": "compute_infer", "encode": "compute_output"}


def statistics(totals: Totals, models: Iterable[tuple[str, int]]) -> dict[str, Any]:
    """``{"model_stats": [...]}`` with an entry for each of ``models`` (name, version), all operations together."""
    return {"model_stats": [_model(name, version, _of(totals, name, version)) for name, version in models]}


def _of(totals: Totals, name: str, version: int) -> Tally:
    tally = Tally()
    for key, part in totals.tallies.items():
        if key[:2] == (name, version):
            tally.add(part)
    return tally


def _model(name: str, version: int, tally: Tally) -> dict[str, Any]:
    answered = tally.answered
    *steps, whole = tally.seconds.tolist()
    parts = {_NAMES.get(step, step): _part(answered, seconds) for step, seconds in zip(STEPS, steps, strict=True)}
    return {
        "name": name,
        "version": str(version),
        "last_inference": round(tally.last * 1e3),
        "inference_count": tally.row_sum,
        "execution_count": int(tally.batches.sum()),
        "inference_stats": {
            "success": _part(answered, whole),
            "fail": _part(int(tally.failed.sum()), tally.failed_seconds),
            "queue": parts["queue"],
            "compute_input": parts["compute_input"],
            "compute_infer": parts["compute_infer"],
            "compute_output": parts["compute_output"],
            "cache_hit": _part(0, 0.0),
            "cache_miss": _part(0, 0.0),
        },
        "batch_stats": [
            {"batch_size": size}
            | {name: _part(runs, value) for name, value in zip(_NAMES.values(), seconds, strict=True)}
            for size, (runs, *seconds) in sorted(tally.sizes.items())
        ],
    }


def _part(count: int, seconds: float) -> dict[str, int]:
    return {"count": count, "ns": round(seconds * 1e9)}
