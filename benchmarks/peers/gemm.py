"""The yardstick: dense products of two 512 x 512 matrices in float32, by BLAS.

A time divided by its time depends less on how fast the machine is at the moment.
"""

import numpy as np

from case import Case
from workloads import Workload

N, TIMES = 512, 40


def product(w: Workload) -> Case:
    a = np.ones((N, N), np.float32)

    def step():
        for _ in range(TIMES):
            a @ a

    return Case(step, w.ticks, lambda: {"gflop": 2e-9 * N**3 * TIMES})
