"""A progress bar on stderr: one line that changes on a terminal, else one line
every tenth of the way."""

from __future__ import annotations

import sys
import time

WIDTH = 24


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


class Progress:
    """A bar for `total` steps, which take at most `limit_s` seconds together."""

    def __init__(self, total: int, limit_s: float = float("inf")):
        self.total = max(total, 1)
        self.done = 0
        self.limit_s = limit_s
        self.begin = time.monotonic()
        self.terminal = sys.stderr.isatty()

    def step(self, text: str) -> None:
        """Announces the next of the steps."""
        seconds = time.monotonic() - self.begin
        filled = WIDTH * self.done // self.total
        bar = "#" * filled + "." * (WIDTH - filled)
        line = f"[{bar}] {self.done}/{self.total} {_clock(seconds)} "
        if self.done:
            left = seconds / self.done * (self.total - self.done)
            left = max(min(left, self.limit_s - seconds), 0)
            line += f"({_clock(left)} left) "
        if self.terminal:
            print(f"\r\033[K{line}{text}"[:120], end="", file=sys.stderr, flush=True)
        elif self.done % max(self.total // 10, 1) == 0:
            print(line + text, file=sys.stderr, flush=True)
        self.done += 1

    def drop(self, steps: int) -> None:
        """Tells that as many of the steps to come are not taken."""
        self.total = max(self.total - steps, self.done, 1)

    def finish(self) -> None:
        if self.terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
