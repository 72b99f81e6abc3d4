"""A target whose workers are only names: they are ready at once, and serve nothing."""

from itertools import count
from time import time

from everai_autoscaler import hookimpl
from everai_autoscaler.engine import SampleForm, WorkerForm
from everai_autoscaler.errors import ContractError, UnknownNameError
from everai_autoscaler.loop import Applied
from everai_autoscaler.model import Factors, Worker, WorkerStatus


class PretendEngine:
    """Workers that are only names."""

    back_off_until = None

    def __init__(self, host, settings, *, home):
        if "prefix" not in settings:
            raise ContractError("pretend: prefix: field required")
        self.url = ""
        self._host = host
        self._names = (f"{settings['prefix']}-{number}" for number in count(1))
        self._began = {}

    async def start(self):
        self.url = "pretend://here"

    async def stop(self, *, drain):
        self._began.clear()

    def observe(self):
        return Factors(
            observed_at=time(),
            queue={},
            workers=[
                Worker(
                    worker_id=name,
                    region="nowhere",
                    started_at=int(began),
                    last_service_time=0,
                    number_of_successes=0,
                    number_of_failures=0,
                    number_of_sessions=0,
                    average_response_time=0.0,
                    current_request=0,
                    status=WorkerStatus.Free,
                )
                for name, began in self._began.items()
            ],
        )

    def apply(self, result):
        for _ in range(result.up):
            name = next(self._names)
            self._began[name] = time()
            self._host.note(f"pretends that {name} runs")
        for name in result.down:
            self.remove(name, "asked for")
        return Applied(result.up, tuple(result.down), ())

    def workers(self):
        return [
            WorkerForm(id=name, status="RUNNING", detail_status="FREE", created_at=began)
            for name, began in self._began.items()
        ]

    def queue(self):
        return []

    def sample(self):
        return SampleForm(at=time(), inflight=0, free=len(self._began), busy=0, draining=0, waiting={})

    def remove(self, worker_id, why):
        if worker_id not in self._began:
            raise UnknownNameError.of("worker", worker_id, self._began)
        del self._began[worker_id]

    def log_path(self, worker_id):
        return None


@hookimpl
def register_targets():
    return {"pretend": PretendEngine}
