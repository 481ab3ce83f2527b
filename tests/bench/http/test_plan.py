import pytest

from skerry.bench.http.plan import LoadPlan
from skerry.runtime.errors import BenchError


def test_a_plan_without_settings_is_a_closed_loop_of_32_connections() -> None:
    plan = LoadPlan()
    assert (plan.connections, plan.rate, plan.processes) == (32, None, 1)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"connections": 0}, "connections: expected at least 1, got 0"),
        ({"rate": 0.0}, "rate: expected requests per second above 0, got 0.0"),
        ({"rate": float("inf")}, "rate: expected requests per second above 0, got inf"),
        ({"duration": float("nan")}, "duration: expected seconds above 0, got nan"),
        ({"warmup": -1.0}, "warmup: expected seconds from 0, got -1.0"),
        ({"timeout": 0.0}, "timeout: expected seconds above 0, got 0.0"),
        ({"processes": 0}, "processes: expected at least 1, got 0"),
        ({"seed": -1}, "seed: expected a number from 0, got -1"),
    ],
)
def test_a_setting_that_no_run_can_have_is_refused(settings: dict[str, float], text: str) -> None:
    with pytest.raises(BenchError) as refusal:
        LoadPlan(**settings)  # type: ignore[arg-type]
    assert refusal.value.text == text
