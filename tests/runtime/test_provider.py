from __future__ import annotations

import pytest

from skerry.runtime import Artifact, load
from skerry.runtime.errors import ServerError
from skerry.runtime.provider import CPU, CUDA, Choice, Fallback, Placement, providers_for
from skerry.runtime.session import SessionConfig

BOTH = ["TensorrtExecutionProvider", CUDA, CPU]


@pytest.mark.parametrize(
    ("choice", "offered", "expected"),
    [
        ("auto", [CPU], (CPU,)),
        ("auto", BOTH, (CUDA, CPU)),
        ("cpu", BOTH, (CPU,)),
        ("cuda", BOTH, (CUDA, CPU)),
    ],
)
def test_the_best_that_is_offered_is_asked_for(choice: Choice, offered: list[str], expected: tuple[str, ...]) -> None:
    assert providers_for(choice, offered) == expected


def test_cuda_that_is_not_there_is_refused_with_what_to_do() -> None:
    with pytest.raises(ServerError, match=r"^provider cuda: this onnxruntime has no CUDA in it$") as caught:
        providers_for("cuda", [CPU])
    assert "skerry[cuda]" in (caught.value.hint or "")


def test_cuda_that_is_not_there_may_be_the_cpu() -> None:
    assert providers_for("cuda", [CPU], "warn") == (CPU,)


def test_a_placement_counts_operators_by_provider() -> None:
    placement = Placement.of([(CUDA, "Gemm"), (CPU, "Cast"), (CPU, "TreeEnsemble"), (CPU, "Cast"), (CUDA, "Softmax")])
    assert placement.nodes == {"cpu": {"Cast": 2, "TreeEnsemble": 1}, "cuda": {"Gemm": 1, "Softmax": 1}}
    assert str(placement) == "cuda 2 nodes; cpu 3 nodes (Cast 2, TreeEnsemble 1)"
    assert placement.is_mixed


@pytest.mark.parametrize(("choice", "fallback"), [("cpu", "refuse"), ("auto", "refuse"), ("auto", "warn")])
def test_a_model_says_that_it_runs_on_the_cpu(iris_artifact: Artifact, choice: Choice, fallback: Fallback) -> None:
    placement = load(iris_artifact, SessionConfig(provider=choice, fallback=fallback)).placement
    nodes = sum(placement.nodes["cpu"].values())
    assert (list(placement.nodes), str(placement).partition(";")[0]) == (["cpu"], f"cpu {nodes} nodes")
    assert nodes > 1


def test_a_fallback_says_why(iris_artifact: Artifact) -> None:
    placement = load(iris_artifact, SessionConfig(provider="cuda", fallback="warn")).placement
    if "cuda" in placement.nodes:
        pytest.skip("there is a CUDA device here")
    assert placement.reason in ("this onnxruntime has no CUDA in it", "no CUDA device works here")
    assert str(placement).endswith(f"; {placement.reason}")
    with pytest.raises(ServerError, match=f"^provider cuda: {placement.reason}$"):
        load(iris_artifact, SessionConfig(provider="cuda"))
