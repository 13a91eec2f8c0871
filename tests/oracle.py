"""What the tests compare with: fixed spikes, a ledger, gradients by autodiff."""

from functools import partial
from typing import NamedTuple
from unittest import mock

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from onspike import LIF, LeakyIntegrator, Network, recurrent
from onspike.devices import AbstractDevice
from onspike.devices.layer import LayerState
from onspike.losses import AbstractLoss, CrossEntropy
from onspike.tasks import AbstractTask, Episode
from onspike.types import Jacobian, Params, Sample, Wire, Wiring


class FixedSpikes(AbstractTask):
    """Input spikes that the test chose; a target in the last `window` ticks."""

    sizes: tuple[int, int] = eqx.field(static=True)
    ticks: int = eqx.field(static=True)
    window: int = eqx.field(static=True)
    dt: float = 1e-3
    loss: AbstractLoss = CrossEntropy()

    @property
    def n_in(self):
        return self.sizes[0]

    @property
    def n_out(self):
        return self.sizes[1]

    def size(self, split):
        raise NotImplementedError

    def episode(self, split, index, key):
        raise NotImplementedError

    def block(self, episode, start, length):
        return jax.lax.dynamic_slice_in_dim(episode.content, start, length)

    def mask(self):
        return jnp.arange(self.ticks) >= self.ticks - self.window


def draw(task, batch, rate=0.3, seed=0):
    """A batch of episodes with independent input spikes and random labels."""
    rng = np.random.default_rng(seed)
    x = rng.random((batch, task.ticks, task.n_in)) < rate
    return Episode(
        label=jnp.asarray(rng.integers(task.n_out, size=batch), jnp.int32),
        group=jnp.zeros(batch, jnp.int32),
        content=jnp.asarray(x, float),
    )


def keyed(episodes, seed=0):
    """The episodes with keys of their own, for a noisy chip."""
    batch = episodes.label.shape[0]
    return episodes._replace(key=jax.random.split(jax.random.key(seed), batch))


def pick(episodes, rows):
    """Some samples of a batch."""
    return jax.tree.map(lambda a: a[rows], episodes)


def weigh(network, seed=0):
    """Parameters drawn with numpy, which compiles nothing; "in ..." positive."""
    rng, weights = np.random.default_rng(seed), {}
    for name, wire in network.wiring.wires:
        w = rng.normal(size=(wire.n_post, wire.n_pre)) * np.sqrt(2 / wire.n_pre)
        w = np.abs(w) if name.startswith("in") else w
        gain = network.projections[name].gain
        weights[name] = network.masked(name, jnp.asarray(gain * w))
    for name, wire in network.wiring.constants:
        weights[name] = jnp.asarray(0.1 * rng.normal(size=(wire.n_post, 1)))
    return Params(weights, {n: p.neuron for n, p in network.populations.items()})


def wired(weights, sizes=None):
    """The wiring of weights from the input, all into the first population."""
    shapes = {n: np.shape(w) for n, w in weights.items() if "." not in n}
    sizes = sizes or {"a": max((s[0] for s in shapes.values()), default=1)}
    post = next(iter(sizes))
    wires = tuple((n, Wire("input", post, 0, s[1], s[0], 1)) for n, s in shapes.items())
    return Wiring(wires, tuple(sizes), tuple(sizes.items()), post)


class LedgerState(NamedTuple):
    params: Params
    total: dict


class Ledger(AbstractDevice):
    """Books what it is asked to write, and keeps its weights as they are."""

    def fabricate(self, params, wiring, key):
        empty = {n: jnp.zeros_like(w) for n, w in params.weights.items()}
        return LedgerState(params, empty)

    def read(self, stored):
        return stored.params

    def write(self, stored, change, key):
        total = stored.total | {n: stored.total[n] + c for n, c in change.items()}
        return LedgerState(stored.params, total)

    def bits_per_weight(self):
        return 64


@jax.jit
def learn(learner, task, state, episodes):
    """`learner.learn`, compiled."""
    return learner.learn(task, state, episodes)


def begin(learner, batch=1, seed=0):
    """`learner.init`, with input weights ("in ...") made positive: all neurons fire."""
    state = learner.init(jax.random.key(seed), batch)
    online = hasattr(state, "shared")
    store = state.shared.store if online else state.store
    store = store._replace(die=_excite(store.die))
    if online:
        return state._replace(shared=state.shared._replace(store=store))
    return state._replace(store=store)


def programmed(learner, batch=1, seed=0):
    """`learner.init` with the weights that `weigh` draws, for any device."""
    with mock.patch.object(Network, "init_params", lambda net, key: weigh(net, seed)):
        return learner.init(jax.random.key(seed), batch)


def _excite(die):
    if isinstance(die, LedgerState):
        return die._replace(params=_excite(die.params))
    if isinstance(die, LayerState):
        return die._replace(stored=_excite(die.stored))
    field = "weights" if isinstance(die, Params) else "codes"
    stored = getattr(die, field)
    positive = {n: jnp.abs(w) for n, w in stored.items() if n.startswith("in")}
    return die._replace(**{field: stored | positive})


def booked(learner, task, episodes):
    """What a learner with a `Ledger` at rate 1 asks for: the parameters, the summed
    gradient estimate and the record."""
    state = begin(learner, episodes.label.shape[0])
    state, record = learn(learner, task, state, episodes)
    store = state.shared.store if hasattr(state, "shared") else state.store
    die = store.die
    while isinstance(die, LayerState):
        die = die.stored
    gradient = {n: -g for n, g in die.total.items()}
    return learner.params(state), gradient, record


def loss_of(network, task, params, weights, episodes, stop_recurrent=False):
    """The summed loss of a batch, from nothing but `network.step`.

    Args:
        network: The network.
        task: Gives mask and loss.
        params: Everything but the weights.
        weights: By projection, as in params.
        episodes: The batch.
        stop_recurrent: Whether spikes that cross from one tick into another carry no
            gradient: the network that e-prop differentiates exactly.
    """
    now = params._replace(weights=weights)

    def one(episode):
        target = task.target(episode)

        def tick(state, seen):
            t, x, mask = seen
            if stop_recurrent:
                history = jax.lax.stop_gradient(state.history)
                state = state._replace(history=history)
            state, _, y = network.step(now, state, x, {}, t)
            return state, jnp.where(mask, task.loss.value(y, target), 0.0)

        times = jnp.arange(task.ticks, dtype=jnp.int32)
        seen = times, episode.content, task.mask()
        return jax.lax.scan(tick, network.init(), seen)[1].sum()

    return jax.vmap(one)(episodes).sum()


def _no_jacobian(neuron, old, current, dt):
    n, d = old.v.size, len(neuron.continuous)
    nan = jnp.full((d, n), jnp.nan)
    return Jacobian(recur=jnp.full((d, d, n), jnp.nan), drive=nan, emit=nan)


def _no_sensitivity(neuron, field, old, current, dt):
    n, d = old.v.size, len(neuron.continuous)
    return jnp.full((d, n), jnp.nan), jnp.full(n, jnp.nan)


@partial(jax.jit, static_argnums=4)
def gradient_of(network, task, params, episodes, stop_recurrent=False):
    """Its gradient by reverse-mode autodiff; the neurons' own Jacobians are NaN."""
    with mock.patch.multiple(
        "onspike.network", jacobian=_no_jacobian, sensitivity=_no_sensitivity
    ):
        gradient = jax.grad(
            lambda w: loss_of(network, task, params, w, episodes, stop_recurrent)
        )(params.weights)
    return {n: network.masked(n, g) for n, g in gradient.items()}


def stream(task, episodes):
    """The samples of a batch of episodes, time first."""
    t, batch = np.arange(task.ticks), episodes.label.shape[0]
    key = None
    if episodes.key is not None:
        each = jax.vmap(jax.random.fold_in, in_axes=(0, None))
        key = jnp.stack([each(episodes.key, int(now)) for now in t])
    return Sample(
        x=jnp.swapaxes(episodes.content, 0, 1),
        target=jnp.tile(jax.vmap(task.target)(episodes), (task.ticks, 1, 1)),
        mask=task.mask(),
        reward=jnp.zeros((task.ticks, batch)),
        first=jnp.asarray(t == 0),
        last=jnp.asarray(t == task.ticks - 1),
        key=key,
    )


@jax.jit
def watch(learner, task, state, samples):
    """Scans `learner.tick` over samples: the last state, and every tick."""

    def tick(state, sample):
        return learner.tick(task, state, sample)

    return jax.lax.scan(tick, state, samples)


def by_hand(network, params, task, episode, feedback=None, kappa=0.0, calm=None):
    """Decoupled e-prop of a recurrent LIF network, in plain numpy.

    Args:
        network: From `onspike.recurrent`, with LIF (unit gain, subtract) and a leaky
            readout.
        params: Its parameters.
        task: Fixed spikes.
        episode: One of them.
        feedback: (hidden, out) weights of the error; W_out transposed if None.
        kappa: Decay of the filter on the hidden eligibility; 0 for none.
        calm: A function (trace of own spikes, spikes, mask) -> signal to add.

    Returns:
        The gradient estimates by projection, summed over ticks, and all spikes.
    """
    w = {name: np.asarray(value) for name, value in params.weights.items()}
    hidden, out = (
        network.populations["hidden"].neuron,
        network.populations["out"].neuron,
    )
    theta, gamma = float(hidden.v_threshold), float(hidden.surrogate.gamma)
    alpha = np.exp(-task.dt / float(hidden.tau_mem))
    decay_out = np.exp(-task.dt / float(out.tau_mem))
    b = w["out"].T if feedback is None else np.asarray(feedback)
    n = len(w["rec"])
    target = np.eye(task.n_out)[int(episode.label)]
    v, z, y = np.zeros(n), np.zeros(n), np.zeros(task.n_out)
    trace = {"in": np.zeros(task.n_in), "rec": np.zeros(n), "out": np.zeros(n)}
    smooth = {name: np.zeros_like(w[name]) for name in ("in", "rec")}
    own, total, spikes = np.zeros(n), {k: np.zeros_like(a) for k, a in w.items()}, []
    for x, mask in zip(
        np.asarray(episode.content), np.asarray(task.mask()), strict=True
    ):
        trace["in"] = alpha * trace["in"] + x
        trace["rec"] = alpha * trace["rec"] + z
        v = alpha * v + w["in"] @ x + w["rec"] @ z - theta * z
        z = (v >= theta).astype(float)
        psi = gamma / theta * np.maximum(0, 1 - np.abs(v - theta) / theta)
        y = decay_out * y + w["out"] @ z
        trace["out"] = decay_out * trace["out"] + z
        own = alpha * own + z
        softmax = np.exp(y - y.max()) / np.exp(y - y.max()).sum()
        error = (softmax - target) * mask
        quiet = np.zeros(n) if calm is None else calm(own, z, mask)
        for name in ("in", "rec"):
            e = np.outer(psi, trace[name])
            smooth[name] = kappa * smooth[name] + e
            total[name] += (b @ error)[:, None] * smooth[name] + quiet[:, None] * e
        total["out"] += np.outer(error, trace["out"])
        spikes.append(z)
    np.fill_diagonal(total["rec"], 0.0)
    return total, np.stack(spikes)


def assert_same(got, expected, tolerance=1e-10):
    """Same projections, none of them zero, equal to a relative tolerance."""
    assert set(got) == set(expected)
    for name, reference in expected.items():
        size = float(np.abs(reference).max())
        assert size > 1e-4, f"nothing to compare: the gradient of '{name}' is {size}"
        worst = float(np.abs(np.asarray(got[name]) - np.asarray(reference)).max())
        assert worst <= tolerance * size, f"'{name}': off by {worst / size:.1e}"


def assert_spikes(record, least, most):
    """Every spiking population fired, and none at every tick."""
    assert record.spikes
    for name, spikes in record.spikes.items():
        total = float(np.sum(spikes))
        assert least <= total <= most, f"'{name}' fired {total} times"


def plain(a):
    """A leaf of a state as numpy sees it, keys as whole numbers."""
    key = jnp.issubdtype(a.dtype, jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(a) if key else a)


def assert_close(one, other):
    """Whole numbers are equal, others to 1e-10 of the largest."""
    pairs = zip(
        jax.tree.leaves_with_path(one), jax.tree.leaves_with_path(other), strict=True
    )
    for (path, a), (same_path, b) in pairs:
        a, b = plain(a), plain(b)
        assert path == same_path and a.dtype == b.dtype and a.shape == b.shape
        if a.dtype.kind == "f":
            size = max(1e-3, float(np.abs(a).max(initial=0.0)))
            worst = float(np.abs(a - b).max(initial=0.0))
            assert worst < 1e-10 * size, (jax.tree_util.keystr(path), worst)
        else:
            assert np.array_equal(a, b), path


def assert_learn_alike(slow, fast, task, batches, least, most):
    """Two learners come to the same, batch by batch, and all that may learn does.

    Hidden neurons fire `least` to `most` times in each batch. Returns the last state.
    """
    start = state = expected = begin(slow, 3)
    for episodes in batches:  # each goes on from what the one before has left
        expected, record = learn(slow, task, expected, episodes)
        state, found = learn(fast, task, state, episodes)
        assert_spikes(record, least=least, most=most)
        assert int(record.written) > 0
        assert_close(state, expected)
        assert_close(found, record)
    before, after = start.shared.store.die.weights, expected.shared.store.die.weights
    for projection in slow.rates():
        change = np.abs(after[projection] - before[projection]).max()
        assert change > 1e-4, f"'{projection}' learns nothing"
    return expected


READOUT = LeakyIntegrator(10e-3)


def tasklet(ticks=30, window=10, n_in=3, n_out=2):
    """The usual task of these tests."""
    return FixedSpikes(sizes=(n_in, n_out), ticks=ticks, window=window)


def small(neuron=None, n=4, n_in=3, n_out=2):
    """The usual recurrent network of these tests."""
    neuron = LIF(v_threshold=0.8) if neuron is None else neuron
    return recurrent(n_in, neuron, n, n_out, readout=READOUT, gains=(0.3, 0.5, 1.0))


@jax.jit
def drive(neuron, currents, dt=1e-3):
    """All states of neurons at rest under given currents, time first."""

    def tick(state, current):
        state = neuron.step(state, current, dt)
        return state, state

    return jax.lax.scan(tick, neuron.init(currents.shape[1]), currents)[1]
