"""ODIN's twin learns handwritten digits: ten neurons, one pass, a teacher of spikes.

Each of the 64 pixels is two of the chip's 256 presynaptic neurons, and each class one
of the other neurons. A lesson, all of it events that the chip understands:

1. The image, as regular spike trains. What a neuron answers is left in its calcium.
2. Calcium moves into the windows: virtual synapses force three spikes out of the true
   class's neuron and one out of each other.
3. Membranes say which way: inhibition empties all, and excitation lifts the true one's
   above theta_mem.
4. Some of the image's spikes, ever fewer in the course of the pass: each teaches its
   synapses. The true neuron's grow, unless it had answered well; another's shrink if
   it had answered, too.
5. Time references let membranes and calcium leak away.

A question is the image alone, with SDSP off and no label: most spikes win, and of
equals the one that got there first.

    python studies/odin_digits.py [--out runs/study/odin] [--seeds 100,101,102,103,104]
"""

import time
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import together
from sklearn.linear_model import LogisticRegression

from onspike.chips import odin
from onspike.tasks import Digits

COPIES = 2  # presynaptic neurons of each pixel
CLASSES = np.arange(246, 256)  # the neuron of each class
ROUNDS, ROUNDS_ASKED = 3, 15  # length of the trains, in spikes of the brightest pixel
TAUGHT = 0.8  # share of one round that teaches, at first; it falls to 0
FORCED, FORCED_OTHERS = 3, 1  # spikes that the teacher calls forth
THRESHOLD, THETA_MEM, LEAK = 255, 93, 68
W = 7  # weight of the virtual synapses
W_FIRST = 5  # largest of the initial weights, which are drawn
LIFT = -(-THETA_MEM // W) + 1  # events that lift a membrane from 0 above theta_mem
FULL = -(-THRESHOLD // W)  # and from 0 to the threshold
PIECE, ROOM = 1 << 14, 16  # events of one call, and spikes that one may set off


class Digit(NamedTuple):
    """An image, as presynaptic neurons hear it, and what it shows."""

    rates: np.ndarray  # spikes per round, 0 to 1
    label: int


def digits(split: str) -> list[Digit]:
    """The digits of a split."""
    table = Digits().splits[split]
    rates = np.repeat(np.asarray(table.x), COPIES, 1)
    return [Digit(*row) for row in zip(rates, table.label.tolist(), strict=True)]


def core(learns: bool) -> odin.Odin:
    """The chip, with SDSP or without."""
    neurons = odin.Neurons(
        threshold=THRESHOLD,
        leak=LEAK,
        leaks=True,
        calcium=learns & (np.arange(256) >= CLASSES[0]),
        calcium_leak=1,
        theta_mem=THETA_MEM,
        theta_1=3,
        theta_2=5,
        theta_3=5,
    )
    return odin.Odin(neurons)


def born(random: np.random.Generator) -> np.ndarray:
    """Synapses from every pixel to every class, of random weights."""
    mapped = np.zeros((256, 256), bool)
    mapped[: 64 * COPIES, CLASSES] = True
    weights = random.integers(0, W_FIRST + 1, mapped.shape)
    return np.asarray(odin.stored(np.where(mapped, weights, 0), mapped))


def trains(digit: Digit, rounds: int, random: np.random.Generator) -> list[np.ndarray]:
    """The image: in each round every pixel's share of spikes, in one drawn order."""
    order = random.permutation(len(digit.rates))
    phase, rate = random.random(len(order)), digit.rates[order]
    count = np.floor(phase + rate * np.arange(rounds + 1)[:, None])
    return [odin.spike(order[now]) for now in np.diff(count, axis=0) > 0]


def lesson(digit: Digit, share: float, random: np.random.Generator) -> np.ndarray:
    """The events that teach one digit, with that share of a round's spikes."""
    true, others = CLASSES[digit.label], np.delete(CLASSES, digit.label)
    some = random.random(len(digit.rates)) < share * digit.rates
    return np.concatenate(
        [
            *trains(digit, ROUNDS, random),
            np.repeat(odin.virtual(true, W), FORCED * FULL),
            np.repeat(odin.virtual(others, W), FORCED_OTHERS * FULL),
            np.repeat(odin.virtual(CLASSES, W, inhibitory=True), FULL),
            np.repeat(odin.virtual(true, W), LIFT),
            odin.spike(random.permutation(np.flatnonzero(some))),
            np.repeat(odin.time_reference(), 7),
        ]
    )


def question(digit: Digit, random: np.random.Generator) -> np.ndarray:
    """The events that ask for one digit's class."""
    empty = np.repeat(odin.time_reference(), -(-THRESHOLD // LEAK))
    return np.concatenate([*trains(digit, ROUNDS_ASKED, random), empty])


@jax.jit
def _piece(chip: odin.Odin, state: odin.State, events: jax.Array):
    return jax.lax.scan(lambda s, e: odin.apply(chip, s, e, ROOM), state, events)


def run(
    chip: odin.Odin, state: odin.State, events: np.ndarray
) -> tuple[odin.State, np.ndarray, np.ndarray]:
    """Runs a stream; the state after it, and each spike's event and neuron."""
    padding = np.repeat(odin.time_reference(0), -len(events) % PIECE)  # nobody's time
    stream = np.concatenate([events, padding]).astype(np.int32)
    when, who = [], []
    for start in range(0, len(stream), PIECE):
        piece = stream[start : start + PIECE]
        state, (neuron, n) = _piece(chip, state, jnp.asarray(piece))
        event, place = np.nonzero(np.arange(ROOM) < np.asarray(n)[:, None])
        when.append(start + event)
        who.append(np.asarray(neuron)[event, place])
    return state, np.concatenate(when), np.concatenate(who)


def learn(order: list[Digit], random: np.random.Generator) -> tuple[np.ndarray, float]:
    """One pass; the synapses after it, and events per digit."""
    chip = core(learns=True)
    shares = TAUGHT * (1 - np.arange(len(order)) / len(order))
    lessons = zip(order, shares, strict=True)
    stream = np.concatenate([lesson(digit, s, random) for digit, s in lessons])
    state, _, _ = run(chip, odin.start(chip, born(random)), stream)
    return np.asarray(state.synapses), len(stream) / len(order)


def answers(
    synapses: np.ndarray, asked: list[Digit], random: np.random.Generator
) -> tuple[np.ndarray, float, float]:
    """The chip's answer to each digit; events and spikes per digit."""
    chip = core(learns=False)
    streams = [question(digit, random) for digit in asked]
    ends = np.cumsum([len(stream) for stream in streams])
    state = odin.start(chip, synapses)
    after, when, who = run(chip, state, np.concatenate(streams))
    assert np.array_equal(after.synapses, synapses)  # SDSP is off
    digit = np.searchsorted(ends, when, side="right")
    count, last = np.zeros((len(asked), 10)), np.full((len(asked), 10), np.inf)
    np.add.at(count, (digit, who - CLASSES[0]), 1)
    last[digit, who - CLASSES[0]] = when
    first = count == count.max(1, keepdims=True)
    answer = np.where(first, last, np.inf).argmin(1)
    return answer, ends[-1] / len(asked), len(who) / len(asked)


def logistic() -> float:
    """A logistic regression on the pixels, from and for the same digits."""
    x, label = (
        [np.stack([d.rates[::COPIES] for d in digits(s)]) for s in ("train", "test")],
        [[d.label for d in digits(s)] for s in ("train", "test")],
    )
    model = LogisticRegression(max_iter=5000).fit(x[0], label[0])
    return float(np.mean(model.predict(x[1]) == label[1]))


def main() -> None:
    options = together.options(__doc__, Path("runs/study/odin"))
    train, began = digits("train"), time.time()
    found = {split: [] for split in ("validation", "test")}
    for seed in options.seeds:
        random = np.random.default_rng(seed)
        order = [train[i] for i in random.permutation(len(train))]
        synapses, events = learn(order, random)
        said = f"order {seed}: {events:.0f} events a lesson"
        for split, accuracies in found.items():
            asked = digits(split)
            answer, events, spikes = answers(synapses, asked, random)
            accuracies.append(np.mean(answer == [digit.label for digit in asked]))
            said += f"; {split} {100 * accuracies[-1]:.1f} %"
        print(
            f"{said}; {events:.0f} events, {spikes:.1f} spikes a question", flush=True
        )
    rows = [
        f"| ODIN's twin, {split} digits | {together.spread(np.array(accuracies))} |"
        for split, accuracies in found.items()
    ]
    together.write(
        options.out,
        [
            f"| one pass, {len(options.seeds)} orders | accuracy |",
            "|---|---:|",
            *rows,
            f"| logistic regression, test digits | {100 * logistic():.1f} % |",
        ],
    )
    print(f"{time.time() - began:.0f} seconds")


if __name__ == "__main__":
    main()
