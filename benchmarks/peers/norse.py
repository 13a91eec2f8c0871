"""norse: backpropagation through time in PyTorch.

`LIFRecurrent`, which holds the input's weights and loops over ticks itself, and an `LI`
readout, in their defaults (the `super` surrogate, hard reset, no self-connections). Its
neurons have a synapse; a time constant of one tick makes it pass all at once, and
weights are scaled by what its Euler step takes from them.
"""

import norse.torch as norse
import torch
from torch import nn

from case import Case
from peers.snntorch import linear, training
from workloads import DECAY, THRESHOLD, Workload, weights

DT = 1e-3
SYNAPSE = torch.as_tensor(1 / DT)
MEMBRANE = torch.as_tensor((1 - DECAY) / DT)


class Net(nn.Module):
    def __init__(self, w: Workload):
        super().__init__()
        first = weights(w)
        scaled = [
            nn.Parameter(torch.tensor(one.T.copy()) / (1 - DECAY)) for one in first
        ]
        self.hidden = norse.LIFRecurrent(
            w.n_in,
            w.n_hidden,
            p=norse.LIFParameters(
                tau_syn_inv=SYNAPSE,
                tau_mem_inv=MEMBRANE,
                v_th=torch.as_tensor(THRESHOLD),
            ),
            input_weights=scaled[0],
            recurrent_weights=scaled[1],
            dt=DT,
        )
        self.leave = linear(first.w_out)
        self.leave.weight = scaled[2]
        self.readout = norse.LI(
            p=norse.LIParameters(tau_syn_inv=SYNAPSE, tau_mem_inv=MEMBRANE), dt=DT
        )

    def forward(self, x):
        spikes, _ = self.hidden(x)
        outputs, _ = self.readout(self.leave(spikes))
        return outputs, spikes.detach().sum()


def train(w: Workload) -> Case:
    return training(w, Net(w))
