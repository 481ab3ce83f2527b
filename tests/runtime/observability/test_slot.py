from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from time import time
from typing import Any

import numpy as np

from skerry.runtime.observability.ledger import OK, Key
from skerry.runtime.observability.slot import STALE, Published, Slot
from skerry.runtime.observability.tally import Tally, Totals


def counted(number: int, **gauges: Any) -> Published:
    tally = Tally(outcomes={(200, OK): number}, sizes={3: (1, 0.5, 0.25, 0.125)})
    tally.times[2, 3] = number
    return Published(Totals({Key("iris", 1, "infer"): tally}), at=time(), **gauges)


def test_what_one_publishes_the_others_read(tmp_path: Path) -> None:
    first, second = Slot(tmp_path), Slot(tmp_path)
    assert (first.number, second.number) == (0, 1)
    first.publish(counted(7, in_flight=2))
    ((number, found),) = second.others().items()
    ((key, tally),) = found.totals.tallies.items()
    assert (number, key, found.in_flight) == (0, Key("iris", 1, "infer"), 2)
    assert (tally.outcomes, tally.sizes) == ({(200, OK): 7}, {3: (1, 0.5, 0.25, 0.125)})
    np.testing.assert_array_equal(tally.times, counted(7).totals.tallies[key].times)
    assert first.others() == {}
    first.close()
    second.close()


def test_whoever_takes_a_place_goes_on_from_what_was_counted_there(tmp_path: Path) -> None:
    first = Slot(tmp_path)
    assert first.inherited is None
    first.publish(counted(7))
    first.close()
    second = Slot(tmp_path)
    assert second.number == 0
    assert second.inherited is not None
    assert second.inherited.totals.tallies[Key("iris", 1, "infer")].outcomes == {(200, OK): 7}
    second.close()


def test_a_place_is_free_when_its_worker_was_killed(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from skerry.runtime.observability.slot import Slot\n"
        "slot = Slot(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False).returncode == -9
    slot = Slot(tmp_path)
    assert slot.number == 0
    slot.close()


def test_what_is_being_written_is_not_read(tmp_path: Path) -> None:
    slot = Slot(tmp_path)
    (tmp_path / "worker-3.new").write_bytes(b"half")
    assert slot.others() == {}
    slot.close()


def test_gauges_of_a_worker_that_is_silent_say_nothing() -> None:
    assert not Published(Totals(), at=time() - STALE + 2).is_stale
    assert Published(Totals(), at=time() - STALE - 2).is_stale
