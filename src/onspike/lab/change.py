"""Another learner in the middle of a run: the same weights, the memory that fits."""

from typing import Any

import jax
import jax.numpy as jnp
import tomli_w

from onspike.devices import AbstractDevice, AbstractLayer
from onspike.experiment import spec as specs
from onspike.experiment.run import strong
from onspike.experiment.spec import Spec
from onspike.learner import Learner, State
from onspike.types import Key, Tree

# What a rule draws at its start with a size that an option gives.
_DRAWN = ("feedback_scale", "signal_scale", "feedback", "signal")


def changed(spec: Spec, path: str, value: Any) -> Spec:
    """The specification with one option set.

    Raises:
        ValueError: If the option or its value is not known.
    """
    section, dot, option = path.partition(".")
    table = spec.table()
    if not dot or not isinstance(table.get(section), dict):
        raise ValueError(f"an option is named section.option; got '{path}'")
    if option == "name":
        raise ValueError(f"another {section} is another session: build a new one")
    table[section][option] = "null" if value is None else value
    return specs.parse(tomli_w.dumps(table))


def moved(
    old: Learner, state: State, new: Learner, key: Key, batch: int, path: str
) -> State:
    """A state of `old`, for `new` to go on with.

    A change of the rule or of training keeps the die. Any other programs the present
    weights into the die that chance makes of the new description: the draws of the
    session's start, so that half the mismatch is the same die at half the mismatch.

    Args:
        old: What has learnt.
        state: Of it.
        new: What goes on.
        key: That the session's start was drawn with.
        batch: Samples that learn side by side.
        path: The option that was changed.

    Raises:
        ValueError: If the network has another shape.
    """
    if old.network.wiring != new.network.wiring:
        raise ValueError(
            f"{path} changes the shape of the network: build a new session for that"
        )
    section, _, option = path.partition(".")
    drawn_anew = option in _DRAWN
    same = _alike(old, new) and len(jax.tree.leaves(state.own)[0]) == batch
    if section in ("rule", "train") and same and not drawn_anew:
        return state  # numbers only, and none that was drawn with
    fresh: State = new.init(key, batch)
    store, kept = fresh.shared.store, state.shared.store
    if section in ("rule", "train") and _alike(store.die, kept.die):
        die = kept.die
    else:
        weights = _stored(old.device, kept.die)
        for_weights, for_die, *_ = jax.random.split(key, 4)
        params = new.network.init_params(for_weights)._replace(weights=weights)
        die = new.device.fabricate(params, new.network.wiring, for_die)
    store = store._replace(
        die=die,
        optimiser=_kept(kept.optimiser, store.optimiser),
        writes=kept.writes,
    )
    rule = fresh.shared.rule
    shared = fresh.shared._replace(
        store=store,
        rule=rule if drawn_anew else _kept(state.shared.rule, rule),
        pending=_kept(state.shared.pending, fresh.shared.pending),
        tick=state.shared.tick,
    )
    own = fresh.own._replace(
        network=_kept(state.own.network, fresh.own.network),
        rule=_kept(state.own.rule, fresh.own.rule),
    )
    return strong(State(shared, own))


def _stored(device: AbstractDevice, stored: Tree) -> dict[str, jax.Array]:
    """The weights in the memory itself, below all faults and habits."""
    while isinstance(device, AbstractLayer):
        device, stored = device.device, stored.stored
    return device.read(stored).weights


def _kept(old: Tree, fresh: Tree) -> Tree:
    return old if _alike(old, fresh) else fresh


def _alike(one: Tree, other: Tree) -> bool:
    def form(tree: Tree) -> Any:
        leaves, structure = jax.tree.flatten(tree)
        return structure, [(jnp.shape(a), jnp.result_type(a)) for a in leaves]

    return form(one) == form(other)
