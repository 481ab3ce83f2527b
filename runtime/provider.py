"""``Placement``: which provider of onnxruntime runs which nodes of a model; and which providers a session is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from skerry.runtime.errors import ServerError

Choice = Literal["auto", "cpu", "cuda"]
"""``auto`` is CUDA where onnxruntime offers it and a device works, else the CPU."""
Fallback = Literal["warn", "refuse"]
"""What is done when a provider that was asked for is not there."""

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
NAMES = {CPU: "cpu", CUDA: "cuda"}

NO_CUDA = "this onnxruntime has no CUDA in it"
HINT = "pip install 'skerry[cuda]', on a machine with CUDA and a device; or --provider cpu"


class Placement(msgspec.Struct, frozen=True):
    """How many nodes of each operator run where: provider → operator → nodes. ``reason`` says why it is not where it was
    asked to be, if it is not."""

    nodes: dict[str, dict[str, int]]
    reason: str = ""

    @classmethod
    def of(cls, assigned: Iterable[tuple[str, str]], reason: str = "") -> Placement:
        """From the provider and operator of each node, the operators of a provider by how many there are."""
        found: dict[str, Counter[str]] = {}
        for provider, operator in assigned:
            found.setdefault(NAMES.get(provider, provider), Counter())[operator] += 1
        return cls({provider: dict(counts.most_common()) for provider, counts in sorted(found.items())}, reason)

    @property
    def is_mixed(self) -> bool:
        """Whether data goes to and fro between devices within a run."""
        return len(self.nodes) > 1

    def __str__(self) -> str:
        """``cuda 12 nodes; cpu 3 nodes (Cast 2, TreeEnsemble 1)``: the operators of what is left to the CPU."""
        parts = []
        for provider in sorted(self.nodes, key=lambda name: name == "cpu"):
            counts = self.nodes[provider]
            total = sum(counts.values())
            left = provider == "cpu" and self.is_mixed
            operators = ", ".join(f"{operator} {count}" for operator, count in counts.items())
            parts.append(f"{provider} {total} node{'s' * (total != 1)}" + f" ({operators})" * left)
        return "; ".join(parts) + (f"; {self.reason}" if self.reason else "")


def providers_for(choice: Choice, offered: Sequence[str], fallback: Fallback = "refuse") -> tuple[str, ...]:
    """What a session is asked to run on, the best first, of what onnxruntime ``offered``.

    Raises:
        ServerError: CUDA was asked for, this onnxruntime has none, and nobody said that the CPU will do.
    """
    if choice == "cpu":
        return (CPU,)
    if CUDA in offered:
        return (CUDA, CPU)
    if choice == "cuda" and fallback == "refuse":
        raise missing(NO_CUDA)
    return (CPU,)


def missing(reason: str) -> ServerError:
    """CUDA was asked for, and is not there."""
    return ServerError(f"provider cuda: {reason}", hint=HINT)
