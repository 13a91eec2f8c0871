"""What the network does by itself: held-out samples, learning and feedback off."""

import collections
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

from onspike.engine.scan import settle
from onspike.lab import film
from onspike.lab.film import Shot
from onspike.types import Tree

if TYPE_CHECKING:
    from onspike.lab.session import Session

LATELY = 100  # samples over which a running share is taken


class Unplugged:
    """Held-out samples, one after another, with learning and feedback off."""

    def __init__(self, session: "Session"):
        self.session = session
        self.network = session.learner.network.bare()
        self.seen, self.tick = 0, 0
        self.right: collections.deque[bool] = collections.deque(maxlen=LATELY)
        self._record = film.beginning(session.task, self.network, 1)
        self._state: Tree = None

    def shoot(self, length: int) -> Shot:
        """Runs the next ticks of the current sample."""
        session, start = self.session, self.tick
        params = session.params
        if self._state is None:
            self._state = self.network.init(params.noise)
        index = self.seen % session.task.size(session.held_out)
        self._state, self._record, frames = film.unplugged(
            self.network,
            session.task,
            params,
            self._state,
            self._record,
            jnp.full(1, index, jnp.int32),
            jnp.asarray(start, jnp.int32),
            session.keys.data,
            session.at(),
            split=session.held_out,
            length=length,
            projection=session.synapse.projection,
        )
        frames = jax.device_get(frames)
        self.tick += length
        label, answer = int(self._record.label[0]), None
        if self.tick == session.task.ticks:
            self.tick, self.seen = 0, self.seen + 1
            session.strayed += 1
            answer = int(settle(self._record).answer[0])
            self.right.append(answer == label)
        return Shot(start, label, answer, frames)
