"""``python -m everai_autoscaler.tuner CONFIG``: the tuner's process; the runtime starts it."""

from __future__ import annotations

import sys

from everai_autoscaler.tuner.loop import bound, run
from everai_autoscaler.tuner.settings import Config


def main() -> None:
    """Tune until the runtime is gone."""
    config = Config.model_validate_json(sys.argv[1])
    bound()
    from everai_autoscaler.tuning.tuner import Tuner  # after the bounds: it brings the compiler with it

    run(config, Tuner.resume)


if __name__ == "__main__":
    main()
