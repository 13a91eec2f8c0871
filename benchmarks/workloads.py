"""What every engine and every peer is given: sizes, weights and input spikes.

W1: 40-100-2, 2,250 ticks, batch 64. W2: 700-256-20, 250 ticks, batch 128. W3: W2's
network, one sample, weights written at every tick. W4: W2's network, batch 32, samples
of any length. All recurrent, 2 % input spikes, a membrane and a readout of 20 ms at
ticks of 1 ms, a target at each tick.
"""

from typing import NamedTuple

import numpy as np

TAU_TICKS = 20.0  # membrane and readout
DECAY = float(np.exp(-1 / TAU_TICKS))
THRESHOLD = 1.0
GAMMA = 0.3  # height of the triangular pseudo-derivative
RATE = 1e-3  # of Adam; W3's plain gradient descent: RATE_ONLINE
RATE_ONLINE = 1e-5
SPIKES = 0.02  # input spikes per channel and tick


class Workload(NamedTuple):
    """Sizes."""

    n_in: int
    n_hidden: int
    n_out: int
    ticks: int
    batch: int


WORKLOADS = {
    "W1": Workload(40, 100, 2, 2250, 64),
    "W2": Workload(700, 256, 20, 250, 128),
    "W3": Workload(700, 256, 20, 2000, 1),
    "W4": Workload(700, 256, 20, 1000, 32),
}


class Weights(NamedTuple):
    """Initial weights, by presynaptic unit."""

    w_in: np.ndarray  # (n_in, n_hidden)
    w_rec: np.ndarray  # (n_hidden, n_hidden), no self-connections
    w_out: np.ndarray  # (n_hidden, n_out)


def weights(w: Workload) -> Weights:
    """Normal, such that about 3 % of the hidden neurons spike in a tick."""
    rng = np.random.default_rng(1)

    def normal(sd: float, n_pre: int, n_post: int) -> np.ndarray:
        return (sd * rng.standard_normal((n_pre, n_post))).astype(np.float32)

    w_in = normal(1.2 / np.sqrt(12 * SPIKES * w.n_in + 1), w.n_in, w.n_hidden)
    w_rec = normal(0.5 / np.sqrt(w.n_hidden), w.n_hidden, w.n_hidden)
    np.fill_diagonal(w_rec, 0)
    w_out = normal(1 / np.sqrt(w.n_hidden), w.n_hidden, w.n_out)
    return Weights(w_in, w_rec, w_out)


def data(w: Workload) -> tuple[np.ndarray, np.ndarray]:
    """Input spikes, (ticks, batch, n_in), and a label per sample."""
    rng = np.random.default_rng(0)
    x = np.empty((w.ticks, w.batch, w.n_in), bool)
    for t in range(w.ticks):
        x[t] = rng.random((w.batch, w.n_in), dtype=np.float32) < SPIKES
    return x, rng.integers(w.n_out, size=w.batch)
