"""A runtime that starts workers, tells each row that it would keep, and waits to be killed."""

import asyncio
import json
import sys
from pathlib import Path

from everai_autoscaler.local.fleet import Fleet
from everai_autoscaler.local.spec import Local
from everai_autoscaler.serving.dispatcher import Dispatcher


class Rows:
    directory = Path(sys.argv[1])

    def save_worker(self, app, view):
        print(json.dumps([app, view]), flush=True)

    def rows(self, app):
        return []


async def main():
    app, local, count = sys.argv[2], Local.read(json.loads(sys.argv[3]), "local"), int(sys.argv[4])
    fleet = Fleet(
        local,
        Dispatcher(),
        app=app,
        home=Rows.directory,
        store=Rows(),
        note=lambda line: None,
        changed=lambda: None,
    )
    await fleet.begin()
    fleet.start(count)
    await asyncio.sleep(600)


asyncio.run(main())
