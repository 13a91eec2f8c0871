"""spikingjelly: backpropagation through time in PyTorch.

`LIFNode` with soft reset, the reset detached and the `ATan` surrogate, as its tutorials
train; input layer, readout layer and readout in its multi-step mode, which it
recommends. The recurrence needs single-step mode: a Python loop around `LIFNode`,
since its `LinearRecurrentContainer` would train a second matrix. The CUDA back end,
its fast one, does not apply on a CPU.
"""

import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import nn

from case import Case
from peers.snntorch import linear, training
from workloads import DECAY, THRESHOLD, Workload, weights

TAU = 1 / (1 - DECAY)  # of 1 - 1 / tau


class Net(nn.Module):
    def __init__(self, w: Workload):
        super().__init__()
        first = weights(w)
        self.enter = layer.Linear(w.n_in, w.n_hidden, bias=False, step_mode="m")
        self.enter.weight = linear(first.w_in).weight
        self.again = linear(first.w_rec)
        self.hidden = neuron.LIFNode(
            tau=TAU,
            decay_input=False,
            v_threshold=THRESHOLD,
            v_reset=None,
            surrogate_function=surrogate.ATan(),
            detach_reset=True,
        )
        self.leave = layer.Linear(w.n_hidden, w.n_out, bias=False, step_mode="m")
        # Its readout divides what comes in by tau.
        self.leave.weight = linear(TAU * first.w_out).weight
        self.readout = neuron.NonSpikingLIFNode(tau=TAU)
        self.readout.step_mode = "m"

    def forward(self, x):
        currents, spikes = self.enter(x), []
        z = torch.zeros_like(currents[0])
        for current in currents:
            z = self.hidden(current + self.again(z))
            spikes.append(z)
        spikes = torch.stack(spikes)
        outputs = torch.stack(self.readout(self.leave(spikes)))
        return outputs, spikes.detach().sum()


def train(w: Workload) -> Case:
    return training(w, Net(w), prepare=functional.reset_net)
