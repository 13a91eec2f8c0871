"""The chip's own dataset files: text, an event a line.

The first line is the number of samples. Then `NEURON, TIME` for each event, in order of
time; `-2, LABEL` where supervision begins (when that is, the file does not say); and
`-1, T` at the end of a sample of T ticks. Events are delivered just before their tick.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from onspike.chips.reckon.registers import N


class Recorded(NamedTuple):
    """One sample of a file."""

    neuron: np.ndarray  # of each event
    time: np.ndarray  # its tick
    label: int
    ticks: int

    def events(self, inputs: int) -> np.ndarray:
        """(ticks, inputs): 1 where an event arrives."""
        frame = np.zeros((self.ticks, inputs), np.uint8)
        frame[self.time, self.neuron] = 1
        return frame


def read(file: Path, inputs: int = N, labels: int = 16) -> list[Recorded]:
    """Reads a file of samples.

    Args:
        file: Its name.
        inputs: Addresses that there are.
        labels: Classes that there are.

    Raises:
        ValueError: If a line is not as it should be; it is named.
    """
    try:
        lines = file.read_text().splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{file}: not a dataset file: not text") from None

    def wrong(number: int, what: str) -> ValueError:
        return ValueError(f"{file}, line {number}: {what}")

    if not lines or not lines[0].strip().isdecimal():
        raise wrong(1, "the first line must be the number of samples")
    samples, neurons, times = [], [], []
    label: int | None = None
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        try:
            what, value = (int(part) for part in line.split(","))
        except ValueError:
            raise wrong(number, f"needs two whole numbers; got {line!r}") from None
        if what == -2:
            if not 0 <= value < labels:
                raise wrong(number, f"a label must be 0 to {labels - 1}; got {value}")
            label = value
        elif what == -1:
            if value < 2 or (times and value <= times[-1]):
                last = times[-1] if times else 0
                raise wrong(
                    number,
                    f"a sample must be 2 ticks or more, and longer than its last "
                    f"event (tick {last}); got {value}",
                )
            if label is None:
                raise wrong(number, "the sample has no label (-2, LABEL)")
            time, neuron = np.array(times, int), np.array(neurons, int)
            samples.append(Recorded(neuron, time, label, value))
            neurons, times, label = [], [], None
        else:
            if not 0 <= what < inputs:
                raise wrong(number, f"an address must be 0 to {inputs - 1}; got {what}")
            if value < (times[-1] if times else 0):
                after = times[-1] if times else 0
                raise wrong(
                    number, f"events must be in order: tick {value} after {after}"
                )
            neurons.append(what)
            times.append(value)
    if neurons or label is not None:
        raise wrong(len(lines), "the last sample is not closed (-1, T)")
    if len(samples) != int(lines[0]):
        raise wrong(1, f"{int(lines[0])} samples announced; got {len(samples)}")
    return samples


def write(samples: list[Recorded], file: Path, supervised: int) -> None:
    """Writes samples, with their label before the first event of tick `supervised`."""
    lines = [str(len(samples))]
    for one in samples:
        before = int(np.searchsorted(one.time, supervised))
        events = [
            f"{n}, {t}"
            for n, t in zip(one.neuron.tolist(), one.time.tolist(), strict=True)
        ]
        lines += [*events[:before], f"-2, {one.label}", *events[before:]]
        lines.append(f"-1, {one.ticks}")
    file.write_text("\n".join(lines) + "\n")
