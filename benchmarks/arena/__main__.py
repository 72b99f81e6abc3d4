"""``python -m benchmarks.arena``: plays the arena, and writes its page."""

from __future__ import annotations

from benchmarks.arena.run import main

if __name__ == "__main__":
    raise SystemExit(main())
