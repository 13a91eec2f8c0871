r"""Writes to few-bit weights at every tick, as native code.

A wished change of $\Delta$ codes becomes a whole number of them as the device says:
rounded to the nearest, rounded at random, or one code or none at random. The random
bits are those that `jax.random` draws (threefry: a word is a function of a key and of
the number of the weight), so codes come out as `Fixed` writes them. Bits are drawn only
where a change is wished: for rows whose presynaptic trace is not zero, and in them for
neurons whose post factor is not zero.

Source of the generator: Salmon et al. 2011, doi:10.1145/2063384.2063405.
"""

from typing import Any, NamedTuple, no_type_check

import numpy as np

from onspike.engine.event.bridge import after, as_bytes, native
from onspike.engine.event.kernels import add_up, list_set, silent

NEAREST, STOCHASTIC, PLUS_MINUS = 0, 1, 2  # write modes
PROJECTIONS = 3  # from the input, from hidden neurons, to the readout


class Memory(NamedTuple):
    """How weights are stored."""

    few: Any  # whether in few bits; if not, nothing else holds
    mode: Any  # NEAREST, ...
    top: Any  # the largest code
    double: Any  # whether real numbers have 64 bits, and so take two words
    lsb: Any  # weight units per code; here and below, of each projection
    key: Any  # (2,) words for each write


class Wish(NamedTuple):
    """Scratch for the changes that are wished of one row."""

    active: Any  # (n,) columns in which any is
    post: Any  # (batch, n) their post factors, side by side
    steps: Any  # (n,) changes in codes
    hit: Any  # (n,) bytes: where the code changes


@native
@no_type_check
def turned(x, r):
    """A word whose bits are moved to the left in a circle."""
    return np.uint32(np.uint32(x << np.uint32(r)) | np.uint32(x >> np.uint32(32 - r)))


@native
@no_type_check
def mixed(a, b, first, second, third, fourth):
    """Four rounds of threefry."""
    a = np.uint32(a + b)
    b = np.uint32(turned(b, first) ^ a)
    a = np.uint32(a + b)
    b = np.uint32(turned(b, second) ^ a)
    a = np.uint32(a + b)
    b = np.uint32(turned(b, third) ^ a)
    a = np.uint32(a + b)
    return a, np.uint32(turned(b, fourth) ^ a)


@native
@no_type_check
def threefry(k, m, number):
    """The two words of the generator with key (k, m) at a number."""
    both = np.uint32(k ^ m ^ np.uint32(0x1BD11BDA))
    a, b = mixed(k, np.uint32(number + m), 13, 15, 26, 6)
    a, b = np.uint32(a + m), np.uint32(b + np.uint32(both + np.uint32(1)))
    a, b = mixed(a, b, 17, 29, 16, 24)
    a, b = np.uint32(a + both), np.uint32(b + np.uint32(k + np.uint32(2)))
    a, b = mixed(a, b, 13, 15, 26, 6)
    a, b = np.uint32(a + k), np.uint32(b + np.uint32(m + np.uint32(3)))
    a, b = mixed(a, b, 17, 29, 16, 24)
    a, b = np.uint32(a + m), np.uint32(b + np.uint32(both + np.uint32(4)))
    a, b = mixed(a, b, 13, 15, 26, 6)
    return np.uint32(a + both), np.uint32(b + np.uint32(k + np.uint32(5)))


@native
@no_type_check
def choose(wish, count, memory, column, stride):
    """Which of a row's codes change: sets `hit`, and makes `steps` whole numbers.

    Weight i of this row has number i * stride + column.
    """
    steps, hit, active = wish.steps, wish.hit, wish.active
    k, m, mode = memory.key[0], memory.key[1], memory.mode
    far, near = np.uint32(stride), np.uint32(column)
    if mode == NEAREST:
        for c in range(count):
            steps[c] = np.rint(steps[c])
            hit[c] = (steps[c] < 0) | (steps[c] > 0)  # and is a number
    elif memory.double:
        for c in range(count):
            a, b = threefry(k, m, np.uint32(np.uint32(active[c]) * far + near))
            word = (np.uint64(a) << np.uint64(32) | np.uint64(b)) >> np.uint64(12)
            hit[c] = under(np.float64(word) * 2.0**-52, steps, c, mode)
    else:
        for c in range(count):
            a, b = threefry(k, m, np.uint32(np.uint32(active[c]) * far + near))
            word = np.uint32(a ^ b) >> np.uint32(9)
            hit[c] = under(np.float32(word) * np.float32(2.0**-23), steps, c, mode)


@native
@no_type_check
def under(u, steps, c, mode):
    """Whether code c changes, at a uniform number u; by `steps[c]`, a whole number."""
    step = steps[c]
    low = np.floor(step)
    if mode == STOCHASTIC:
        steps[c] = low + (u < step - low)
        return (steps[c] < 0) | (steps[c] > 0)
    steps[c] = (step > 0) - np.int32(step < 0)
    return u < abs(step)


@native
@no_type_check
def write_codes(target, asked, memory, wish, zero):
    """Changes the codes of rows by what is asked; counts changes."""
    w, low, high, n, there, masked = target
    post, batch, rate, loss = asked.post, asked.batch, asked.rate, asked.loss
    active, steps, side, written = wish.active, wish.steps, wish.post, 0
    lsb, top = memory.lsb[0], memory.top
    if rate == zero and loss == zero:
        return written
    for i in range(n):
        some = loss != zero
        for b in range(batch):
            some |= post[b * n + i] != zero
        wish.hit[i] = some
    count = list_set(wish.hit, n, active, 0)
    for b in range(batch):
        for c in range(count):
            side[b * count + c] = post[b * n + active[c]]
    for j in range(low, high):
        if silent(asked, j, zero):
            continue
        row = after(w, j * n)
        add_up(steps, asked, j, side, count)
        if masked:
            mask = after(there, j * n)
            for c in range(count):
                steps[c] *= mask[active[c]]
        if loss != zero:
            for c in range(count):
                steps[c] = -(rate * steps[c] + loss * row[active[c]]) / lsb
        else:
            for c in range(count):
                steps[c] = -(rate * steps[c]) / lsb
        choose(wish, count, memory, j - low, high - low)
        for c in range(count):
            if wish.hit[c]:
                i = active[c]
                code = np.rint(row[i] / lsb)
                new = min(max(code + steps[c], -top), top)
                written += new != code
                row[i] = new * lsb
    return written


@native
@no_type_check
def memory_of(memory, k, p):
    """The memory of projection p, for the write of tick k."""
    return Memory(
        memory.few,
        memory.mode,
        memory.top,
        memory.double,
        after(memory.lsb, p),
        after(memory.key, 2 * (PROJECTIONS * k + p)),
    )


@native
@no_type_check
def wish_at(whole, real, n):
    """Scratch for rows of at most n numbers; takes what is left of all scratch."""
    return Wish(whole, after(real, n), real, as_bytes(after(whole, n)))
