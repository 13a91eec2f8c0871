"""The silicon neuron of mixed-signal chips, in currents."""

from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from onspike import checks
from onspike.neurons.base import AbstractNeuron, Refractory, leak
from onspike.surrogates import AbstractSurrogate, Triangle
from onspike.types import PerNeuron, Scalar


class DPINeuronState(NamedTuple):
    """One tick of `n` neurons."""

    v: Float[Array, " n"]  # membrane current I_mem, pA, at least the dark current
    i_syn: Float[Array, " n"]  # synaptic current, excitation less inhibition, pA
    i_ahp: Float[Array, " n"]  # adaptation current, pA
    z: Float[Array, " n"]  # spikes, 0 or 1
    wait: Int[Array, " n"]  # refractory ticks left


class DPINeuron(AbstractNeuron):
    r"""Silicon neuron: $Q \dot I = I (g I_{in} - I_\tau - I_{ahp} + I_a)$.

    The state of the membrane is a current I; $Q = C U_T / \kappa$. The bracket is what
    charges the capacitor of the circuit, a differential pair integrator (DPI) below
    threshold: the pair's share $g = I_{th} / (I + I_{th})$ of the input, less the
    leaks. It is the published $\tau (1 + I_{th} / I) \dot I + I (1 + I_{ahp} / I_\tau)
    = I_{th} / I_\tau (I_{in} - I_{ahp} - I_\tau) + I_a / I_\tau (I + I_{th})$, with
    $\tau = Q / I_\tau$. Where $I \gg I_{th}$, and without feedback, that is a low-pass
    of first order with time constant tau and gain $I_{th} / I_\tau$.

    $I_a = I_a^{max} / (1 + e^{-(I - I_a^{th}) / I_a^{norm}})$ is positive feedback,
    which makes the upswing of a spike. At $I \geq I_{spk}$ the neuron fires: I is held
    at `I_reset` for the refractory period, and $I_{ahp}$ grows by a pulse.

    The synapse is the neuron's own input stage, as on the chip, where all synapses of a
    type and neuron share one circuit, so that its constants vary with the neuron and
    not with where spikes come from: $\tau_s \dot I_{syn} = -I_{syn}$, and a pulse of
    width $T_p$ of weight w adds $w \frac{I_w I_g}{I_{\tau s}} (1 - e^{-T_p / \tau_s})$,
    when it arrives. Excitation and inhibition share constants, hence a signed current;
    $I_{in} = \max(I_{syn} + \mathrm{bias}, I_0)$, since mirrors pass one direction.

    Currents are in pA, capacitances in pF, U_T in volts, which makes $C U_T / (\kappa
    I_\tau)$ seconds; weights are dimensionless.

    Args:
        C: Membrane capacitance.
        I_tau: Leak of the membrane, which sets its time constant: 20 ms.
        I_th: Gain current of the membrane.
        I_spk: Spiking threshold of the membrane current.
        I_reset: Membrane current after a spike.
        I_a: The most that positive feedback gives; zero for none.
        I_a_th: Membrane current at which it gives half.
        I_a_norm: Width of its rise.
        refractory: Refractory period; 2 ms, in which the current is held.
        C_syn: Capacitance of the synapse.
        I_tau_syn: Leak of the synapse, which sets its time constant: 10 ms.
        I_g: Gain current of the synapse.
        I_w: Current of a pulse of weight 1.
        t_pulse: Width of pulses, the neuron's own for adaptation too, in seconds.
        C_ahp: Capacitance of the adaptation.
        I_tau_ahp: Leak of the adaptation, which sets its time constant: 107 ms.
        I_g_ahp: Gain current of the adaptation.
        I_w_ahp: Current of its pulse; zero for no adaptation.
        U_T: Thermal voltage.
        kappa: Subthreshold slope factor.
        I_0: Dark current, below which no current falls.
        bias: Constant input current, past the synapse.
        substeps: Steps of integration per tick.
        surrogate: Pseudo-derivative that stands in for dz/dI, scaled by I_spk.

    Raises:
        ValueError: If a constant is not positive, those that may be zero are negative,
            or `I_reset` is not below `I_spk`.

    Source: Chicca et al. 2014, doi:10.1109/JPROC.2014.2313954, in the form of INI's
        Brian models of the DYNAP-SE (teili's `DPI`), whose sigmoid of feedback, dark
        current and orders of magnitude these are. The defaults are ours.
    """

    C: PerNeuron = 1.5
    I_tau: PerNeuron = 2.7
    I_th: PerNeuron = 2.7
    I_spk: PerNeuron = 100.0
    I_reset: PerNeuron = 1.0
    I_a: PerNeuron = 20.0
    I_a_th: PerNeuron = 50.0
    I_a_norm: PerNeuron = 5.0
    refractory: Refractory = Refractory(2e-3, clamp=True)
    C_syn: PerNeuron = 1.0
    I_tau_syn: PerNeuron = 3.6
    I_g: PerNeuron = 36.0
    I_w: PerNeuron = 2000.0
    t_pulse: PerNeuron = 100e-6
    C_ahp: PerNeuron = 3.0
    I_tau_ahp: PerNeuron = 1.0
    I_g_ahp: PerNeuron = 10.0
    I_w_ahp: PerNeuron = 0.0
    U_T: PerNeuron = 25e-3
    kappa: PerNeuron = 0.7
    I_0: PerNeuron = 0.5
    bias: PerNeuron = 0.0
    substeps: int = eqx.field(static=True, default=4)
    surrogate: AbstractSurrogate = Triangle()

    continuous: ClassVar[tuple[str, ...]] = ("v", "i_syn", "i_ahp")

    def __check_init__(self) -> None:
        def those(*names):
            return {name: getattr(self, name) for name in names}

        owner = "DPINeuron"
        checks.positive(owner, "pF", **those("C", "C_syn", "C_ahp"))
        checks.positive(owner, "V", U_T=self.U_T)
        checks.positive(owner, "1 (a slope factor)", kappa=self.kappa)
        checks.positive(owner, "pA", **those("I_tau", "I_th", "I_spk", "I_reset"))
        checks.positive(owner, "pA", **those("I_a_th", "I_a_norm", "I_0"))
        checks.positive(owner, "pA", **those("I_tau_syn", "I_g", "I_w"))
        checks.positive(owner, "pA", **those("I_tau_ahp", "I_g_ahp"))
        checks.non_negative(owner, "pA", **those("I_a", "I_w_ahp"))
        checks.positive(owner, "seconds", t_pulse=self.t_pulse)
        checks.finite(owner, "pA", bias=self.bias)
        checks.at_least(owner, "steps per tick", 1, substeps=self.substeps)
        room = {"I_spk - I_reset": self.I_spk - self.I_reset}
        checks.positive(owner, "pA", **room)

    def init(self, n):
        rest = jnp.zeros(n)
        return DPINeuronState(
            v=rest + self.I_0,
            i_syn=rest,
            i_ahp=rest,
            z=rest,
            wait=jnp.zeros(n, jnp.int32),
        )

    def step(self, state, current, dt):
        tau_syn = self._tau(self.C_syn, self.I_tau_syn)
        tau_ahp = self._tau(self.C_ahp, self.I_tau_ahp)
        pulse = _pulse(self.I_w * self.I_g / self.I_tau_syn, self.t_pulse / tau_syn)
        own = _pulse(
            self.I_w_ahp * self.I_g_ahp / self.I_tau_ahp, self.t_pulse / tau_ahp
        )
        i_syn, i_ahp = state.i_syn + pulse * current, state.i_ahp + own * state.z
        v = state.v + (self.I_reset - state.v) * jax.lax.stop_gradient(state.z)
        h = dt / self.substeps
        for _ in range(self.substeps):
            i_syn, i_ahp = i_syn * leak(tau_syn, h / 2), i_ahp * leak(tau_ahp, h / 2)
            v = self._charge(v, i_syn + self.bias, i_ahp, h)
            i_syn, i_ahp = i_syn * leak(tau_syn, h / 2), i_ahp * leak(tau_ahp, h / 2)
        left = self.refractory.count(state.wait, state.z, dt)
        if self.refractory.clamp:
            v = jnp.where(left > 0, self.I_reset, v)
        new = DPINeuronState(v=v, i_syn=i_syn, i_ahp=i_ahp, z=state.z, wait=left)
        return new._replace(z=self.fire(new))

    def _charge(self, v: Array, i_in: Array, i_ahp: Array, h: Scalar) -> Array:
        """The membrane current after `h` seconds.

        What flows in does so in the middle, between two exact halves of the leak. That
        keeps the current positive whatever the step, also where feedback exceeds the
        leak, and a low-pass right to the order of (h / tau)^2 / 24.
        """
        per_second = self.kappa / (self.C * self.U_T)
        feedback = self.I_a * jax.nn.sigmoid((v - self.I_a_th) / self.I_a_norm)
        half = jnp.exp((feedback - i_ahp - self.I_tau) * per_second * h / 2)
        v = half * v
        inflow = jnp.maximum(i_in, self.I_0) * self.I_th / (v + self.I_th)
        v = half * v * (1.0 + inflow * per_second * h)
        return jnp.maximum(v, self.I_0)

    def fire(self, state):
        z = self.surrogate.spike(state.v - self.I_spk, self.I_spk)
        return z * (state.wait == 0).astype(z.dtype)

    def decay(self, dt):
        """As of the low-pass that the membrane is far above `I_th`."""
        return leak(self._tau(self.C, self.I_tau), dt)

    def gain(self, dt):
        """As of the low-pass that the membrane is far above `I_th`."""
        return self.I_th / self.I_tau * (1.0 - self.decay(dt))

    def _tau(self, capacitance: PerNeuron, current: PerNeuron) -> PerNeuron:
        return capacitance * self.U_T / (self.kappa * current)


def _pulse(target: PerNeuron, width: PerNeuron) -> PerNeuron:
    """What a pulse adds to a current that it draws to `target`; width over tau."""
    return target * -jnp.expm1(-width)
