"""``Outbox``: answers of one turn of the event loop, sent together where there are several.

A client that waits is woken by the first byte, which costs the server more than writing does; answered one by one, it
sleeps again before the next. Sent together, answers wake it once. Where few come in a turn, a client had better work
while the server does: then each is sent at once, and only now and then it is looked how many come.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any, Protocol

LONGEST = 0.0005
"""Seconds that an answer waits for others of its turn; what is answered then is the last."""
SEVERAL = 4
"""Answers in a turn that are better sent together."""
UNSEEN = 64
"""Answers that are sent at once before it is looked again."""


class Sender(Protocol):
    """What has something to send."""

    def flush(self) -> None:
        """Send it, if it is not sent yet; never fails."""


class Outbox:
    """One for all connections of an event loop."""

    def __init__(self) -> None:
        self._waiting: list[Sender] = []
        self._since = 0.0  # the first of them waits
        self._come = 0  # in this turn
        self._at_once = 0  # so many more are sent at once

    def add(self, sender: Sender, call_soon: Callable[[Callable[[], None]], Any]) -> None:
        """Let it send now, or when this turn of the loop ends, which is learned by its ``call_soon``."""
        if self._at_once:
            self._at_once -= 1
            sender.flush()
            return
        if not self._come:
            call_soon(self._end)
        self._come += 1
        if not self._waiting:
            self._since = perf_counter()
        self._waiting.append(sender)
        if perf_counter() - self._since > LONGEST:
            self._send()

    def _end(self) -> None:
        """The turn ends."""
        if self._come < SEVERAL:
            self._at_once = UNSEEN
        self._come = 0
        self._send()

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        for sender in waiting:
            sender.flush()
