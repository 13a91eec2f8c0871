import jax
import jax.numpy as jnp
import pytest

from onspike import checks


def test_message_names_owner_field_unit_and_value():
    with pytest.raises(ValueError) as raised:
        checks.positive("LIF", "seconds", tau_mem=-0.02)
    message = "LIF.tau_mem must be positive, in seconds; got -0.02"
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (checks.positive, [1e-9, jnp.ones(2)], [0, -1, float("nan"), float("inf")]),
        (checks.non_negative, [0, 1.0], [-1e-9, float("nan"), float("inf")]),
        (checks.finite, [-1.0, 0], [float("nan"), -float("inf"), "1", None]),
    ],
)
def test_bounds(check, good, bad):
    for value in good:
        check("Owner", "unit", field=value)
    for value in bad:
        with pytest.raises(ValueError, match=r"^Owner\.field must be"):
            check("Owner", "unit", field=value)


def test_one_bad_neuron_is_enough_and_is_named():
    with pytest.raises(ValueError, match="got -3"):
        checks.positive("A", "b", c=jnp.array([1.0, -3.0, 2.0]))


def test_probability():
    checks.probability("A", p=0.0, q=1.0)
    for bad in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match=r"A\.p must be between 0 and 1"):
            checks.probability("A", p=bad)


def test_at_least_wants_a_whole_number():
    checks.at_least("A", "ticks", 0, delay=0)
    for bad in (-1, 1.0, True, "1"):
        with pytest.raises(ValueError, match=r"A\.delay must be a whole number >= 0"):
            checks.at_least("A", "ticks", 0, delay=bad)


def test_shapes():
    checks.per_neuron("A", 3, tau=1.0)
    checks.per_neuron("A", 3, tau=jnp.ones(3))
    checks.shape("A", (2, 3), w=jnp.ones((2, 3)))
    with pytest.raises(ValueError, match=r"A\.tau must be .*\(3,\).*got \(1,\)"):
        checks.per_neuron("A", 3, tau=jnp.ones(1))
    with pytest.raises(
        ValueError, match=r"A\.w must have shape \(2, 3\); got \(3, 2\)"
    ):
        checks.shape("A", (2, 3), w=jnp.ones((3, 2)))


def test_tracers_are_checked_for_shape_only():
    def inside(tau):
        checks.positive("A", "s", tau=tau)
        checks.per_neuron("A", 3, tau=tau)
        return tau

    jax.eval_shape(inside, jnp.ones(3))
    with pytest.raises(ValueError, match=r"got \(2,\)"):
        jax.eval_shape(inside, jnp.ones(2))


def test_known_suggests_the_nearest():
    checks.known("rule", "eprop", ["eprop", "reckon"])
    with pytest.raises(ValueError, match="unknown rule 'epropp'; did you mean 'eprop'"):
        checks.known("rule", "epropp", ["eprop", "reckon"])
    with pytest.raises(ValueError, match=r"unknown rule 'xyz'; known: eprop, reckon"):
        checks.known("rule", "xyz", ["eprop", "reckon"])
