"""What a task is: a stream of samples, a target, and a verdict."""

from abc import abstractmethod
from typing import Literal, NamedTuple, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Shaped

from onspike.losses import AbstractLoss
from onspike.types import Key, Sample, Scalar, Teaching, Tree

Split = Literal["train", "validation", "test"]
_SALT = 1000  # noise shares no key with the samples that a task draws


class Episode(NamedTuple):
    """One sample of a task, before it is spread over time."""

    label: Int[Array, ""]
    group: Int[Array, ""]  # stratum for the accuracy by group; 0 where there is none
    content: Tree  # whatever `block` needs to make the input
    key: Key | None = None  # of the chance that a sample meets on a noisy chip


class AbstractTask(eqx.Module):
    """A stream of labelled samples, all of `ticks` ticks.

    A sample is a pure function of the split, its index and a key, so that any part
    of any sample can be made again: nothing is stored, and nothing is lost when a
    run stops.
    """

    ticks: eqx.AbstractVar[int]  # length of a sample
    dt: eqx.AbstractVar[Scalar]  # seconds per tick
    loss: eqx.AbstractVar[AbstractLoss]

    @property
    def group_names(self) -> tuple[str, ...]:
        """Names of the strata; empty if there are none."""
        return ()

    @property
    @abstractmethod
    def n_in(self) -> int:
        """Number of input channels."""

    @property
    @abstractmethod
    def n_out(self) -> int:
        """Number of classes, or of values to follow."""

    @abstractmethod
    def size(self, split: Split) -> int:
        """The number of samples of a split; 0 if the task has no such split."""

    @abstractmethod
    def episode(self, split: Split, index: Int[Array, ""], key: Key) -> Episode:
        """Sample number `index` of a split. `key` stands for the run's data seed.

        Over the epochs of training the index counts on: a finite split begins again at
        its size, a task that makes new samples (or new noise) goes on.
        """

    def sample(self, split: Split, index: Int[Array, ""], key: Key) -> Episode:
        """The same episode with a key of its own, for a chip that is noisy."""
        numbered = jax.random.fold_in(key, _SALT + get_args(Split).index(split))
        own = jax.random.fold_in(numbered, index)
        return self.episode(split, index, key)._replace(key=own)

    def samples(self, split: Split, index: Int[Array, " batch"], key: Key) -> Episode:
        """Several of them: a batch, as learners and `infer` take it."""
        return jax.vmap(lambda i: self.sample(split, i, key))(jnp.asarray(index))

    @abstractmethod
    def block(
        self, episode: Episode, start: Int[Array, ""], length: int
    ) -> Shaped[Array, "length n_in"]:
        """The input of ticks `start .. start + length - 1` of an episode.

        Spikes may be of type bool, a quarter of the memory; graded input is real.
        """

    @abstractmethod
    def mask(self) -> Bool[Array, " ticks"]:
        """Where a target is valid, the same for all samples."""

    def target(self, episode: Episode) -> Float[Array, " n_out"]:
        """One-hot target of a classification task."""
        return jax.nn.one_hot(episode.label, self.n_out, dtype=float)

    def teach(self, y: Float[Array, " n_out"], sample: Sample) -> Teaching:
        """What the outside says about output `y`.

        Where a target is valid, an error, and a reward: the `margin` of the output. A
        reward that the sample brings itself comes on top, at any time.
        """
        error = self.loss.error(y, sample.target)
        won = margin(y, sample.target)
        return Teaching(
            target=sample.target,
            error=jnp.where(sample.mask, error, jnp.zeros_like(error)),
            mask=sample.mask,
            reward=sample.reward + jnp.where(sample.mask, won, jnp.zeros_like(won)),
        )


def margin(
    y: Float[Array, " n_out"], target: Float[Array, " n_out"]
) -> Float[Array, ""]:
    """By how much the right output exceeds the mean of the others, if one is right.

    Of any other target, n / (n - 1) times the product with what of it exceeds its mean;
    zero for a single output.
    """
    n = len(target)
    return n / max(1, n - 1) * ((target - target.mean()) @ y)
