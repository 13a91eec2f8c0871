"""One file per peer: how its own documentation trains a recurrent spiking network.

Each offers some of these, of a `Workload`; each gives back a `Case`:

    train   a batch: forward, gradient, an Adam step
    online  one sample: weights written at every tick, the loop over ticks compiled
    calls   the same with one Python call per tick
    eprop   as `train`, with exact traces per synapse (readout-filtered e-prop)
"""
