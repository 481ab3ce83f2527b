import numpy as np
import pytest

from skerry.bench.http.arrivals import intended_starts
from skerry.bench.http.plan import LoadPlan


def test_constant_arrivals_are_evenly_spaced_over_warm_up_and_run() -> None:
    plan = LoadPlan(rate=4, duration=1, warmup=0.5)
    assert intended_starts(plan).tolist() == [0, 0.25, 0.5, 0.75, 1, 1.25]


def test_no_request_is_due_at_the_end_itself() -> None:
    assert len(intended_starts(LoadPlan(rate=400, duration=1.1, warmup=0))) == 440


def test_a_rate_below_one_request_in_all_still_asks_once() -> None:
    assert intended_starts(LoadPlan(rate=0.1, duration=1, warmup=0)).tolist() == [0]


def test_poisson_arrivals_have_exponential_gaps_at_the_rate() -> None:
    plan = LoadPlan(rate=1_000, arrivals="poisson", duration=100, warmup=0)
    starts = intended_starts(plan)
    gaps = np.diff(starts)
    assert len(starts) == pytest.approx(100_000, rel=0.02)
    assert (gaps >= 0).all()
    assert starts[-1] < 100
    assert gaps.std() / gaps.mean() == pytest.approx(1, abs=0.02)
    assert np.quantile(gaps, 0.5) * 1_000 == pytest.approx(np.log(2), rel=0.03)


def test_a_seed_gives_the_same_arrivals_again_and_another_seed_others() -> None:
    first, again, other = (
        intended_starts(LoadPlan(rate=50, arrivals="poisson", duration=2, seed=seed)) for seed in (1, 1, 2)
    )
    assert first.tolist() == again.tolist() != other.tolist()


@pytest.mark.parametrize("arrivals", ["constant", "poisson"])
def test_processes_together_keep_the_schedule_of_one(arrivals: str) -> None:
    one = LoadPlan(rate=77, arrivals=arrivals, duration=3, seed=5)  # type: ignore[arg-type]
    three = LoadPlan(rate=77, arrivals=arrivals, duration=3, seed=5, processes=3)  # type: ignore[arg-type]
    parts = [intended_starts(three, process) for process in range(3)]
    assert sorted(np.concatenate(parts).tolist()) == intended_starts(one).tolist()
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
