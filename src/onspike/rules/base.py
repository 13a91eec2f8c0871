"""What a learning rule is."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import equinox as eqx
from jaxtyping import Array, Float

from onspike import checks
from onspike.rules.parts.gates import AbstractGate
from onspike.types import (
    Change,
    Key,
    Local,
    Params,
    Sample,
    Scalar,
    Teaching,
    Tree,
    Update,
    Wiring,
    is_constant,
)

# By projection or learnt constant ("hidden.tau_mem"); "*" stands for all the others,
# "*.*" for all other constants, and None for what never changes.
Rates = Scalar | Mapping[str, Scalar | None]


class RuleState(NamedTuple):
    """What a rule remembers."""

    shared: Tree  # one for all samples of a batch: feedback weights
    own: Tree  # one for each sample: traces, controllers' activity


class Factors(NamedTuple):
    """What a rule multiplies in a tick: for those who look on, and for figures.

    It asks for L e; where there is a regulariser, for L e + C e' in hidden neurons.
    """

    signal: dict[str, Float[Array, " n"]]  # L, by population
    eligibility: dict[str, Float[Array, "n_post n_pre"]]  # e, by plastic projection
    regulariser: dict[str, Float[Array, " n"]]  # C, by population that is regulated
    unfiltered: dict[str, Float[Array, "n_post n_pre"]]  # e', by projection into these


class AbstractRule(eqx.Module):
    """Says, at every tick, how the weights should change.

    `step` estimates the loss gradient, locally: a positive value asks for a smaller
    weight. The learner multiplies by minus the rate, when the gate opens.

    A rule that `writes_before_step` sees, of the tick that is to come, what arrives at
    its projections and the old state of the neurons (`Local.new` and `z` are old too),
    and no error.
    """

    writes_before_step: ClassVar[bool] = False  # writes before the neurons integrate

    rate: eqx.AbstractVar[Rates]  # per projection; one left out never changes
    gate: eqx.AbstractVar[AbstractGate]

    def check(self, wiring: Wiring) -> None:
        """Raises ValueError if the rule cannot learn what its rate names.

        Most rules can learn no constant of a neuron.
        """
        for name in filter(is_constant, rates_of(self.rate, wiring)):
            raise ValueError(
                f"{type(self).__name__} cannot learn '{name}', a constant of neurons: "
                'leave it out of its rate, with {..., "*.*": None}'
            )

    @abstractmethod
    def init(self, wiring: Wiring, key: Key) -> RuleState:
        """The rule's memory before the first tick."""

    @abstractmethod
    def rest(self, own: Tree) -> Tree:
        """`own` at the start of a sample: fast memory cleared, slow memory kept."""

    @abstractmethod
    def feedback(
        self,
        shared: Tree,
        own: Tree,
        sample: Sample,
        neurons: dict[str, Tree],
        wiring: Wiring,
        dt: Scalar,
    ) -> tuple[Tree, dict[str, Float[Array, " n"]]]:
        """Currents that the rule injects into populations; none for most rules.

        `neurons` are the populations as the last tick left them, with what of their
        output arrives on a noisy chip.
        """

    @abstractmethod
    def step(
        self,
        shared: Tree,
        own: Tree,
        params: Params,
        local: dict[str, Local],
        teaching: Teaching,
        wiring: Wiring,
    ) -> tuple[Tree, Update]:
        """One tick: the rule's memory after it, and its gradient estimate."""

    def factors(
        self,
        shared: Tree,
        own: Tree,
        params: Params,
        local: dict[str, Local],
        teaching: Teaching,
        wiring: Wiring,
    ) -> tuple[Factors, ...]:
        """The same tick, taken apart; nothing for a rule that is no product."""
        del shared, own, params, local, teaching, wiring
        return ()

    @abstractmethod
    def adapt(self, shared: Tree, change: dict[str, Change]) -> Tree:
        """`shared` after a write that asked for `change`, by plastic projection."""


def check_rate(rate: Rates) -> None:
    """Raises ValueError if a rate is negative or not finite."""
    by_name = dict(rate) if isinstance(rate, Mapping) else {"*": rate}
    for name, value in by_name.items():
        if value is not None:
            named = {"rate" if name == "*" else f"rate of '{name}'": value}
            checks.non_negative("rule", "weight per gradient", **named)


def rates_of(rate: Rates, wiring: Wiring) -> dict[str, Scalar]:
    """The rate of each plastic projection, and of each constant that is learnt.

    Raises:
        ValueError: If a rate is negative or not finite, or belongs to what does not
            exist.
    """
    check_rate(rate)
    names = [name for name, _ in wiring.wires + wiring.constants]
    for name in rate if isinstance(rate, Mapping) else ():
        checks.known("projection in the rule's rate", name, [*names, "*", "*.*"])
    named = {name: rate_for(name, rate) for name in names}
    return {name: r for name, r in named.items() if r is not None}


def rate_for(name: str, rate: Rates) -> Scalar | None:
    """What a rate says of one projection or constant: None if it never changes."""
    if not isinstance(rate, Mapping):
        return rate
    others = ("*.*", "*") if is_constant(name) else ("*",)
    return next((rate[key] for key in (name, *others) if key in rate), None)
