"""ODIN's twin against its simulated hardware, and against its rules in plain Python."""

import json
import re
from collections import deque
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike.chips import odin

# Every stream is cut into pieces of this length: one program for all tests.
PIECE, ROOM = 40, 320


@jax.jit
def piece(core, state, events):
    def tick(state, event):
        state, emitted = odin.apply(core, state, event, ROOM)
        return state, (state, emitted)

    return jax.lax.scan(tick, state, events)


def run(core, state, events):
    """The state after each event, and the spikes that each sent."""
    assert len(events) % PIECE == 0
    states, sent = [], []
    for part in np.split(np.asarray(events, np.int32), len(events) // PIECE):
        state, (seen, emitted) = piece(core, state, part)
        states.append(jax.tree.map(np.asarray, seen))
        assert np.max(emitted.n) <= ROOM
        sent += [r[:n] for r, n in zip(*map(np.asarray, emitted), strict=True)]
    return jax.tree.map(lambda *a: np.concatenate(a), *states), sent


CONSTANTS = dict(
    threshold="p_thr",
    leak="p_leak_str",
    leaks="p_leak_en",
    calcium="p_ca_en",
    calcium_leak="p_ca_leak",
    theta_mem="p_thetamem",
    theta_1="p_ca_theta1",
    theta_2="p_ca_theta2",
    theta_3="p_ca_theta3",
    disabled="p_disable",
)


@pytest.mark.parametrize("name", ["odin_open", "odin_closed"])
def test_every_array_of_the_simulated_hardware(shared, name):
    file = shared / "odin" / f"{name}.npz"
    with np.load(file) as arrays:
        f = dict(arrays)
    registers = json.loads(file.with_suffix(".json").read_text())["registers"]
    core = odin.Odin(
        odin.Neurons(**{mine: f[theirs] for mine, theirs in CONSTANTS.items()}),
        f["syn_sign"],
        open_loop=bool(registers["SPI_OPEN_LOOP"]),
        update_unmapped=bool(registers["SPI_UPDATE_UNMAPPED_SYN"]),
        propagate_unmapped=bool(registers["SPI_PROPAGATE_UNMAPPED_SYN"]),
        learn_on_stimulation=bool(registers["SPI_SDSP_ON_SYN_STIM"]),
    )
    state = odin.start(core, f["syn_init"], f["core_init"], f["calcium_init"])
    cells = state.cells
    assert np.array_equal(cells.waited, f["caleak_cnt_init"])
    assert np.array_equal(cells.up, f["init_v_up"])
    assert np.array_equal(cells.down, f["init_v_down"])

    states, sent = run(core, state, f["events"])
    assert np.array_equal(states.cells.v, f["core"])
    assert np.array_equal(states.cells.calcium, f["calcium"])
    assert np.array_equal(states.cells.waited, f["caleak_cnt"])
    assert np.array_equal(states.cells.up, f["v_up"])
    assert np.array_equal(states.cells.down, f["v_down"])
    assert not np.any(states.cells.up & states.cells.down)
    assert np.array_equal(states.synapses[f["syn_snap_after"] - 1], f["syn_snap"])
    assert [len(spikes) for spikes in sent] == np.diff(f["out_offsets"]).tolist()
    assert np.array_equal(np.concatenate(sent), f["out_spikes"])


class Plain:
    """The rules, one neuron and one synapse at a time."""

    def __init__(self, core, state):
        self.c, self.k = core, jax.tree.map(lambda a: np.asarray(a).tolist(), core)
        self.p = self.k.neurons
        self.v, self.ca, self.waited, self.up, self.down = (
            np.asarray(a).tolist() for a in state.cells
        )
        self.syn = np.asarray(state.synapses).tolist()
        self.fifo, self.out, self.lost = deque(), [], 0

    def visit(self, j, drive, w=0):
        p, v = self.p, self.v[j]
        if drive == "exc":
            v = min(v + w, 255)
        elif drive == "inh":
            v = max(v - w, 0)
        elif p.leaks[j]:
            v = max(v - p.leak[j], 0)
        fires, leaked = v >= p.threshold[j], False
        self.v[j] = 0 if fires else v
        if drive == "leak" and p.calcium[j] and p.calcium_leak[j]:
            leaked = self.waited[j] == p.calcium_leak[j] - 1
            self.waited[j] = 0 if leaked else (self.waited[j] + 1) % 32
        if p.calcium[j] and fires != leaked:
            self.ca[j] = min(self.ca[j] + 1, 7) if fires else max(self.ca[j] - 1, 0)
        learns, ca = p.calcium[j], self.ca[j]
        high = self.v[j] >= p.theta_mem[j]
        self.up[j] = learns and high and p.theta_1[j] <= ca < p.theta_3[j]
        self.down[j] = learns and not high and p.theta_1[j] <= ca < p.theta_2[j]
        if fires and not p.disabled[j]:
            self.out.append(j)
            if not self.k.open_loop:
                if len(self.fifo) < 32:
                    self.fifo.append((0, j))
                else:
                    self.lost += 1

    def step_synapse(self, i, j, up, down):
        if self.syn[i][j] < 8 and not self.k.update_unmapped:
            return
        w = self.syn[i][j] % 8
        if up:
            self.syn[i][j] += w < 7
        elif down:
            self.syn[i][j] -= w > 0

    def weight(self, i, j):
        mapped = self.syn[i][j] >= 8 or self.k.propagate_unmapped
        return self.syn[i][j] % 8 if mapped else 0

    def sign(self, i):
        return "inh" if self.k.inhibitory[i] else "exc"

    def apply(self, a):
        self.out, hi, lo = [], a >> 8 & 255, a & 255
        if a >> 16:
            w, flags = self.weight(hi, lo), (self.up[lo], self.down[lo])
            if self.k.learn_on_stimulation:
                self.step_synapse(hi, lo, *flags)
            self.visit(lo, self.sign(hi), w)
        elif lo % 128 == 127:
            for j in [hi] if lo >= 128 else range(256):
                self.visit(j, "leak")
        elif lo % 128 == 0:
            for i, j in product([hi] if lo >= 128 else range(256), range(256)):
                strong = self.syn[i][j] % 8 >= 4
                self.step_synapse(i, j, strong, not strong)
        else:
            self.fifo.append((lo >> 3, hi))
        while self.fifo:
            self.serve(*self.fifo[0])
            self.fifo.popleft()
        return self.out

    def serve(self, virt, i):
        if virt:
            kind = "leak" if virt & 1 else "inh" if virt & 2 else "exc"
            return self.visit(i, kind, virt >> 2)
        for block in range(0, 256, 8):
            posts = range(block, block + 8)
            w = [self.weight(i, j) for j in posts]
            for j in posts:
                self.step_synapse(i, j, self.up[j], self.down[j])
            for j in posts:
                self.visit(j, self.sign(i), w[j - block])


def check(core, state, events):
    """The twin and the plain rules agree in everything; returns the latter."""
    states, sent = run(core, state, events)
    plain = Plain(core, state)
    for k, event in enumerate(np.asarray(events).tolist()):
        assert plain.apply(event) == sent[k].tolist()
        now = (plain.v, plain.ca, plain.waited, plain.up, plain.down)
        for expected, got in zip(now, states.cells, strict=True):
            assert np.array_equal(got[k], expected)
        assert np.array_equal(states.synapses[k], plain.syn)
    return plain, sent


DRIVES = dict(exc=odin.Drive.EXCITE, inh=odin.Drive.INHIBIT, leak=odin.Drive.LEAK)
LEARNS = dict(
    leak=9, leaks=True, calcium=True, calcium_leak=5, theta_1=2, theta_2=4, theta_3=6
)


def test_the_whole_table_of_neurons():
    """Each membrane, calcium, weight and drive; a leak with each kind of counter."""
    core = odin.Odin(odin.Neurons(200, theta_mem=100, **LEARNS))
    bare = odin.start(core, np.zeros((256, 256), int), v=np.arange(256))
    pushes = [(kind, w, 0) for kind in ("exc", "inh") for w in range(8)]
    leaks = [("leak", 0, waited) for waited in (0, 4, 5, 31)]
    grid = [(ca, *case) for ca in range(8) for case in pushes + leaks]
    each = [(ca, DRIVES[kind], w, waited) for ca, kind, w, waited in grid]
    ca, drive, w, waited = jnp.asarray(np.repeat(np.array(each).T[:, :, None], 256, 2))
    ca, drive, w, waited = (a.astype(jnp.int32) for a in (ca, drive, w, waited))
    before = bare.cells._replace(calcium=ca, waited=waited)
    axes = odin.Cells(None, 0, 0, None, None)
    many = jax.jit(jax.vmap(odin.integrate, (None, axes, 0, 0)))
    after, fires = jax.tree.map(np.asarray, many(core.neurons, before, drive, w))
    assert not np.any(after.up & after.down)

    plain, seen = Plain(core, bare), set()
    for k, (ca, kind, w, waited) in enumerate(grid):
        plain.v, plain.ca = list(range(256)), [ca] * 256
        plain.waited, plain.out = [waited] * 256, []
        for j in range(256):
            plain.visit(j, kind, w)
        now = (plain.v, plain.ca, plain.waited, plain.up, plain.down)
        for expected, got in zip(now, after, strict=True):
            assert np.array_equal(got[k], expected), grid[k]
        assert np.flatnonzero(fires[k]).tolist() == plain.out
        seen |= set(zip(plain.up, plain.down, strict=True))
        if kind == "leak" and waited == 4:  # a spike and a leak of calcium cancel
            assert len(plain.out) == 256 - 209
            assert {plain.ca[j] for j in plain.out} == {ca}
            assert plain.ca[0] == max(ca - 1, 0)
    assert seen == {(True, False), (False, True), (False, False)}


def test_the_whole_table_of_synapses():
    """Each stored value under each pair of flags, and bistability, by hand."""
    every = jnp.arange(16, dtype=jnp.uint8)
    for up, down in ((True, False), (False, True), (False, False)):
        flag = [jnp.full(16, value) for value in (up, down)]
        for s, got in enumerate(odin.sdsp(every, *flag).tolist()):
            bit, w = s // 8 * 8, s % 8
            assert got == bit + min(7, max(0, w + up - down))
    low, high = [0, 0, 1, 2, 5, 6, 7, 7], [8, 8, 9, 10, 13, 14, 15, 15]
    assert odin.bistability(every).tolist() == low + high


# Membranes: silent, just below and at theta_mem, one step below the threshold.
GRID = np.array(list(product((0, 99, 100, 199), range(8), range(8))))


def grid_core(**registers):
    """A core whose 256 posts are every (membrane region, calcium, weight)."""
    rows = np.zeros((256, 256), int)
    rows[0] = rows[1] = 8 + GRID[:, 2]
    rows[2] = GRID[:, 2]  # not mapped
    core = odin.Odin(
        odin.Neurons(200, theta_mem=100, **LEARNS),
        np.arange(256) == 1,
        **registers,
    )
    return core, odin.start(core, rows, v=GRID[:, 0], calcium=GRID[:, 1])


def flags(v, ca):
    """What the published rules make of a neuron, in numpy."""
    up = (v >= 100) & (2 <= ca) & (ca < 6)
    down = (v < 100) & (2 <= ca) & (ca < 4)
    return up, down


@pytest.mark.parametrize("pre", (0, 1))
def test_a_spike_uses_flags_and_weights_from_before_it(pre):
    """(Membrane region, calcium, weight) under an event, written out in numpy."""
    core, state = grid_core()
    states, sent = run(core, state, [odin.spike(pre)] * PIECE)
    v, ca, w = GRID.T
    up, down = flags(v, ca)
    assert np.array_equal(state.cells.up, up) and np.array_equal(state.cells.down, down)
    w_new = np.where(up, np.minimum(w + 1, 7), np.where(down, np.maximum(w - 1, 0), w))
    moved = v + w if pre == 0 else np.maximum(v - w, 0)
    fires = moved >= 200
    v_new, ca_new = np.where(fires, 0, moved), np.minimum(ca + fires, 7)
    first = jax.tree.map(lambda a: a[0], states)
    assert np.array_equal(first.synapses[pre], 8 + w_new)
    assert np.array_equal(first.cells.v, v_new)
    assert np.array_equal(first.cells.calcium, ca_new)
    assert np.array_equal((first.cells.up, first.cells.down), flags(v_new, ca_new))
    assert np.array_equal(sent[0], np.flatnonzero(fires))
    assert fires.sum() == (56 if pre == 0 else 0)
    # Flags or weights of after the event would give something else.
    late, _ = flags(v_new, ca_new)
    assert np.any(late != up) and np.any(w_new != w)


@pytest.mark.parametrize("registers", ({}, {"update_unmapped": True}))
def test_every_event_on_the_grid(registers):
    if registers:  # every register the other way
        registers |= dict(learn_on_stimulation=False, propagate_unmapped=True)
    core, state = grid_core(**registers)
    events = [
        *odin.synapse(np.full(15, 0), np.arange(7, 232, 15)),
        odin.spike(0),
        *odin.synapse(np.arange(3), np.array([137, 138, 154])),
        *odin.virtual(np.arange(160, 165), 7),
        *odin.virtual(np.arange(160, 165), 3, inhibitory=True),
        *(odin.virtual(3, inhibitory=True), odin.virtual(77, leak=True)),
        *[odin.time_reference()] * 2,
        *[odin.time_reference(255), odin.refresh(1), odin.spike(2), odin.refresh()],
        *[odin.time_reference()] * 3,
    ]
    _, sent = check(core, state, events)
    assert sum(map(len, sent)) > 40


@pytest.mark.parametrize("seed", (0, 1))
def test_random_streams_in_a_closed_loop(seed):
    """Spikes that come back, more of them than the queue holds."""
    rng = np.random.default_rng(seed)
    neurons = odin.Neurons(
        threshold=np.where(np.arange(256) < 100, rng.integers(20, 60, 256), 255),
        leak=rng.integers(0, 20, 256),
        leaks=rng.random(256) < 0.5,
        calcium=rng.random(256) < 0.8,
        calcium_leak=rng.integers(0, 4, 256),
        theta_mem=rng.integers(1, 30, 256),
        theta_1=rng.integers(0, 2, 256),
        theta_2=rng.integers(2, 5, 256),
        theta_3=rng.integers(3, 8, 256),
        disabled=rng.random(256) < 0.2,
    )
    core = odin.Odin(neurons, rng.random(256) < 0.5, open_loop=False)
    state = odin.start(core, rng.integers(0, 16, (256, 256)), rng.integers(0, 99, 256))
    some = rng.integers(0, 100, PIECE)
    events = np.where(rng.random(PIECE) < 0.5, odin.spike(some), odin.virtual(some, 7))
    plain, sent = check(core, state, events)
    longest = max(map(len, sent))
    assert 33 < longest and plain.lost > 0, longest


def test_spikes_that_go_round_for_ever_are_noticed():
    core = odin.Odin(odin.Neurons(threshold=0), open_loop=False)
    state = odin.start(core, np.zeros((256, 256), int))
    _, (_, emitted) = piece(core, state, np.full(PIECE, odin.spike(0), np.int32))
    assert int(emitted.n[0]) > ROOM


def test_the_example_of_the_reference(pytestconfig, capsys):
    page = (pytestconfig.rootpath / "docs/reference/chips.md").read_text()
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], {})
    assert capsys.readouterr().out == "[5 5] [0 1 0]\n"


def test_bad_values_are_named():
    with pytest.raises(ValueError, match=r"odin.Neurons.threshold .* 0 to 255; got 25"):
        odin.Neurons(threshold=256)
    with pytest.raises(ValueError, match=r"odin.Neurons.theta_1 .* 0 to 7; got -1"):
        odin.Neurons(theta_1=-1)
    with pytest.raises(ValueError, match=r"Neurons.leak must be a scalar or \(256,\)"):
        odin.Neurons(leak=np.zeros(3, int))
    core = odin.Odin(odin.Neurons())
    with pytest.raises(ValueError, match=r"start.synapses must have shape"):
        odin.start(core, np.zeros((3, 3), int))
    with pytest.raises(ValueError, match=r"start.calcium .* 0 to 7; got 9"):
        odin.start(core, np.zeros((256, 256), int), calcium=9)
    with pytest.raises(ValueError, match=r"event: post .* 0 to 255; got 300"):
        odin.synapse(0, 300)
    with pytest.raises(ValueError, match=r"event: w must be above 0 unless"):
        odin.virtual(3)
    with pytest.raises(ValueError, match=r"stored.w .* 0 to 7; got 8"):
        odin.stored(8)
