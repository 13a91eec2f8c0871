"""snntorch: backpropagation through time in PyTorch.

`RLeaky` (all-to-all) and a `Leaky` readout without reset, one Python loop over ticks,
the loss of each tick's membrane, Adam: the training loop of its tutorials 5 and 7, with
its default surrogate (arctangent).
"""

import snntorch as snn
import torch
from torch import nn

from case import Case
from workloads import DECAY, RATE, THRESHOLD, Workload, data, weights


class Net(nn.Module):
    def __init__(self, w: Workload, ahead: bool):
        super().__init__()
        first, self.ahead = weights(w), ahead
        self.enter = linear(first.w_in)
        self.hidden = snn.RLeaky(
            beta=DECAY, threshold=THRESHOLD, linear_features=w.n_hidden
        )
        self.hidden.recurrent = linear(first.w_rec)
        self.leave = linear(first.w_out)
        self.readout = snn.Leaky(beta=DECAY, reset_mechanism="none")

    def forward(self, x):
        spikes, v = self.hidden.reset_mem()
        y, outputs, fired = self.readout.reset_mem(), [], 0.0
        for now in self.enter(x) if self.ahead else x:
            current = now if self.ahead else self.enter(now)
            spikes, v = self.hidden(current, spikes, v)
            _, y = self.readout(self.leave(spikes), y)
            outputs.append(y)
            fired = fired + spikes.detach().sum()
        return torch.stack(outputs), fired


def linear(w_io) -> nn.Linear:
    """A layer without bias of these weights."""
    layer = nn.Linear(*w_io.shape, bias=False)
    layer.weight = nn.Parameter(torch.tensor(w_io.T.copy()))
    return layer


def train(w: Workload) -> Case:
    return training(w, Net(w, ahead=False))


def train_ahead(w: Workload) -> Case:
    """Faster than as documented: the input layer's product for all ticks at once."""
    return training(w, Net(w, ahead=True))


def training(w: Workload, net: nn.Module, prepare=lambda net: None) -> Case:
    """The usual loop in PyTorch: loss of each tick's output, backward, Adam."""
    x, label = data(w)
    x = torch.tensor(x, dtype=torch.float32)
    label = torch.tensor(label).repeat(w.ticks)
    optimiser = torch.optim.Adam(net.parameters(), lr=RATE)
    seen = {}

    def step():
        prepare(net)
        outputs, fired = net(x)
        loss = nn.functional.cross_entropy(outputs.flatten(0, 1), label)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        seen.update(loss=loss.detach(), fired=fired)

    def figures():
        share = float(seen["fired"]) / (w.ticks * w.batch * w.n_hidden)
        return {"spikes": share, "loss": float(seen["loss"])}

    return Case(step, w.ticks, figures)
