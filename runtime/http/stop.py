"""``Stop``: word that the server is to stop, some time before it does."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

NOTICE = 0.1
"""Seconds from the signal to the end of accepting: enough to accept all who connected before it."""


class Stop:
    """From the first SIGTERM or SIGINT on the server is not ready, and an answer is the last of its connection.

    ``NOTICE`` later uvicorn learns of the signal. It closes the listener at once then, and with it the connections that
    nobody has accepted yet. A second signal goes to uvicorn as it comes: another SIGINT waits for nobody.
    """

    def __init__(self) -> None:
        self.requested = False

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take the signals of the process from now on, once uvicorn has them. Only the main thread can."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            told = signal.getsignal(number)
            if callable(told):
                signal.signal(number, self._taking(loop, told))

    def _taking(self, loop: asyncio.AbstractEventLoop, told: Callable[[int, FrameType | None], Any]) -> Any:
        def take(number: int, frame: FrameType | None) -> None:
            if self.requested:
                told(number, None)
            else:
                self.requested = True
                loop.call_soon_threadsafe(loop.call_later, NOTICE, told, number, None)

        return take
