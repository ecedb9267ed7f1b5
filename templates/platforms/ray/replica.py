{% set tier = (cookiecutter | project).host.tier %}
"""The model on a Ray cluster: the Ray Serve application `replica:app`."""

import numpy as np
from ray import serve

import model
from ml_ui.replica import Replica

# Calls that the model runs as one batch: 1 is no batching; for more, max_ongoing_requests
# has to be twice as large, and the model must take batches of any size. The first call of
# a batch waits so many seconds for others, while the one before runs: as long as that
# takes, or batches stay small.
MAX_BATCH_SIZE = 1
BATCH_WAIT = 0.05


@serve.deployment(
    autoscaling_config={
        "min_replicas": 1,
        "max_replicas": 4,
        "target_ongoing_requests": 2,  # per replica; above that, one more is started
        "upscale_delay_s": 5,
        "downscale_delay_s": 300,
    },
    # Of each replica; Ray sets OMP_NUM_THREADS to the number of CPUs.
    ray_actor_options={"num_cpus": {{ tier.settings.num_cpus }}{% if "num_gpus" in tier.settings %}, "num_gpus": {{ tier.settings.num_gpus }}{% endif %}},
    max_ongoing_requests=4,  # per replica
    max_queued_requests=100,  # per node; above that, visitors are told to come again
    backpressure_config={"retry_after_s": 5},
    max_surge_percent=25,  # an upgrade starts one more, before it stops an old one
    graceful_shutdown_timeout_s=70,  # seconds for running calls, at least PREDICT_TIMEOUT
    health_check_period_s=5,
    health_check_timeout_s=10,
)
class Model(Replica):
    """A replica: a process with the model, which answers the page's calls."""

    def __init__(self) -> None:
        super().__init__(model, batching=MAX_BATCH_SIZE > 1)

    @serve.batch(max_batch_size=MAX_BATCH_SIZE, batch_wait_timeout_s=BATCH_WAIT)
    async def run(self, batches: list[np.ndarray]) -> list[np.ndarray | Exception]:
        """Run the batches of several calls as one."""
        return await self.run_batches(batches)


app = Model.bind()
