"""``Follower``: looks a few times a second at what is wanted of each model, and has this worker serve it."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable

from skerry.runtime.models.wanted import Stamp, WantedFiles

SECONDS = 0.25
"""Between two looks: a look at one file costs some 10 microseconds, on a thread of its own."""

_log = logging.getLogger("skerry.server")


RETRY = 20
"""Every so many looks, what failed is tried again: memory or files may be free by now."""


class Follower:
    """``follow`` is called with the name of every model of which something else is wanted than when it was looked last, and
    says whether that is served now."""

    def __init__(self, files: WantedFiles, follow: Callable[[str], bool]) -> None:
        self._files = files
        self._follow = follow
        self._seen: dict[str, Stamp] = {}
        self._failed: set[str] = set()

    def start(self) -> None:
        threading.Thread(target=self._run, name="skerry-follower", daemon=True).start()

    def look(self, *, retry: bool = False) -> None:
        stamps = self._files.stamps()
        changed = {name for name, stamp in stamps.items() if self._seen.get(name) != stamp}
        self._seen = stamps
        chosen = changed | self._failed if retry else changed
        self._failed = (self._failed - chosen) | {name for name in sorted(chosen) if not self._follow(name)}

    def _run(self) -> None:
        pause = threading.Event()
        for count in itertools.count(1):
            pause.wait(SECONDS)
            try:
                self.look(retry=count % RETRY == 0)
            except Exception:  # a worker that follows no more would answer with old versions for ever
                _log.exception("what is wanted of the models cannot be read; looking again")
