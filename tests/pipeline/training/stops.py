"""A learner that receives SIGTERM in the middle, as on a spot machine."""

import os
import signal


class SigtermAt:
    """Another learner, with a SIGTERM during one of its steps."""

    def __init__(self, learner, step):
        self._learner, self._step = learner, step

    def __getattr__(self, name):
        return getattr(self._learner, name)

    def train_step(self, batch, step, fabric):
        if step + 1 == self._step:
            os.kill(os.getpid(), signal.SIGTERM)
        return self._learner.train_step(batch, step, fabric)
