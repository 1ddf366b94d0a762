"""A progress bar on stderr: one line that changes on a terminal, else one line
every tenth of the way."""

from __future__ import annotations

import sys
import time

WIDTH = 24


class Progress:
    def __init__(self, total: int):
        self.total = max(total, 1)
        self.done = 0
        self.begin = time.monotonic()
        self.terminal = sys.stderr.isatty()

    def step(self, text: str) -> None:
        """Announces the next of the steps."""
        seconds = int(time.monotonic() - self.begin)
        filled = WIDTH * self.done // self.total
        bar = "#" * filled + "." * (WIDTH - filled)
        line = f"[{bar}] {self.done}/{self.total} {seconds // 60}:{seconds % 60:02} "
        if self.terminal:
            print(f"\r\033[K{line}{text}"[:120], end="", file=sys.stderr, flush=True)
        elif self.done % max(self.total // 10, 1) == 0:
            print(line + text, file=sys.stderr, flush=True)
        self.done += 1

    def finish(self) -> None:
        if self.terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
