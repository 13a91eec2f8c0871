"""ReckOn's configuration registers: addresses, widths, and what their values may be."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jax.core import Tracer

from onspike import checks

Word = Any  # a whole number; or several along a new axis, for `jax.vmap`
N = 256  # neurons, and input addresses
PAIRS = N // 2  # neurons are stored and stepped in pairs
OUTPUTS = 16
GROUP = 16  # posts that learn side by side


class Field(NamedTuple):
    """Where a register is, and what fits into it."""

    address: int
    bits: int
    signed: bool = False

    @property
    def bounds(self) -> tuple[int, int]:
        """The least and the largest value."""
        if self.signed:
            return -(1 << self.bits - 1), (1 << self.bits - 1) - 1
        return 0, (1 << self.bits) - 1


def _word(value: Any) -> Any:
    """Integers of 32 bits; what does not fit is left to `Registers.__check_init__`."""
    if isinstance(value, jax.Array):
        return value
    number = np.asarray(value)
    if number.dtype.kind not in "iub":
        return value
    low, high = int(number.min()), int(number.max())
    if low < -(1 << 31) or high >= 1 << 32:
        return value
    return number.astype(np.uint32 if high >= 1 << 31 else np.int32)


def _pairs(value: Any) -> Any:
    """One bit for each pair, from 128 bits as one number or as they are."""
    if isinstance(value, int) and 0 <= value < 1 << PAIRS:
        return np.array([value >> p & 1 for p in range(PAIRS)], np.int32)
    return value if isinstance(value, jax.Array) else np.asarray(value)


def _register(address: int, bits: int, signed: bool = False, **default: Any) -> Any:
    where = {"register": Field(address, bits, signed)}
    return eqx.field(converter=_word, kw_only=True, metadata=where, **default)


def _last_index(address: int, bits: int) -> Any:
    where = {"register": Field(address, bits)}
    top = (1 << bits) - 1
    return eqx.field(static=True, kw_only=True, default=top, metadata=where)


class Registers(eqx.Module):
    """All configuration registers, by the names of the public documentation.

    Reset values are the defaults, and the seeds' are those of the generators;
    registers without any must be given. The three sizes are fixed when a
    program is compiled; all others are data, so that configurations can be mapped.

    Raises:
        ValueError: If a value does not fit its register.

    Source: documentation of ReckOn, revision 1.0 (`SPI_` dropped, lower case).
    """

    en_conf: Word = _register(0, 1, default=1)
    ro_stage_sel: Word = _register(1, 9, default=0)  # unused on the chip
    get_clkint_out: Word = _register(2, 1, default=0)  # unused on the chip
    get_tar_req_out: Word = _register(3, 1, default=1)
    rst_mode: Word = _register(8, 1, default=0)  # 1: reset to zero, 0: by subtraction
    do_eprop: Word = _register(9, 3, default=7)  # bits: input, recurrent, output
    local_tick: Word = _register(10, 1, default=0)
    error_halt: Word = _register(11, 1, default=1)
    fp_loc_winp: Word = _register(12, 3, default=0)  # shifts from weight to potential
    fp_loc_wrec: Word = _register(13, 3, default=0)
    fp_loc_wout: Word = _register(14, 3, default=0)
    fp_loc_tinp: Word = _register(15, 3, default=0)  # fractional bits of the traces
    fp_loc_trec: Word = _register(16, 3, default=0)
    fp_loc_tout: Word = _register(17, 3, default=0)
    learn_sig_scale: Word = _register(18, 4, default=0)
    regul_mode: Word = _register(19, 3, default=0)
    regul_w: Word = _register(20, 2, default=0)  # bits: input, recurrent
    en_stoch_round: Word = _register(21, 1, default=0)
    sram_speedmode: Word = _register(22, 8, default=0)  # unused on the chip
    timing_mode: Word = _register(23, 1, default=0)
    regression: Word = _register(25, 1, default=0)
    single_label: Word = _register(26, 1, default=1)
    no_out_act: Word = _register(27, 1, default=0)
    send_per_timestep: Word = _register(30, 1, default=0)
    send_label_only: Word = _register(31, 1, default=1)
    noise_en: Word = _register(32, 1, default=0)
    force_traces: Word = _register(33, 1, default=0)
    cycles_per_tick: Word = _register(64, 32, default=0)  # with local_tick only
    alpha_conf: Any = eqx.field(  # 65-68: which pairs have alpha12 on top of 1
        converter=_pairs, kw_only=True, default=0
    )
    kappa: Word = _register(69, 8, default=0x7A)  # decay of the outputs, 7 bits
    thr_h_0: Word = _register(70, 16, True)  # segments of the pseudo-derivative
    thr_h_1: Word = _register(71, 16, True)
    thr_h_2: Word = _register(72, 16, True)
    thr_h_3: Word = _register(73, 16, True)
    h_0: Word = _register(74, 5, True)  # and its value in each
    h_1: Word = _register(75, 5, True)
    h_2: Word = _register(76, 5, True)
    h_3: Word = _register(77, 5, True)
    h_4: Word = _register(78, 5, True)
    lr_r_winp: Word = _register(79, 5)  # rates: shifts right and left
    lr_p_winp: Word = _register(80, 5)
    lr_r_wrec: Word = _register(81, 5)
    lr_p_wrec: Word = _register(82, 5)
    lr_r_wout: Word = _register(83, 5)
    lr_p_wout: Word = _register(84, 5)
    seed_inp: Word = _register(85, 25, default=0x1)
    seed_rec: Word = _register(86, 25, default=0x0424242)
    seed_out: Word = _register(87, 22, default=0x1)
    seed_strnd_neur: Word = _register(88, 30, default=0x70F0 << 15 | 0x1234)
    seed_strnd_oneur: Word = _register(89, 15, default=0x7ABA)
    seed_strnd_tinp: Word = _register(90, 30, default=0x7FCF << 15 | 0x1348)
    seed_strnd_trec: Word = _register(91, 30, default=0x7BEA << 15 | 0x4321)
    seed_strnd_tout: Word = _register(92, 30, default=0x7EF0 << 15 | 0x3FF3)
    seed_noise_neur: Word = _register(93, 17, default=0x1F0F1)
    num_inp_neur: int = _last_index(94, 8)  # counts less one
    num_rec_neur: int = _last_index(95, 8)
    num_out_neur: int = _last_index(96, 4)
    regul_f0: Word = _register(98, 12)
    regul_k_inp_r: Word = _register(99, 5)
    regul_k_inp_p: Word = _register(100, 5)
    regul_k_rec_r: Word = _register(101, 5)
    regul_k_rec_p: Word = _register(102, 5)
    regul_k_mul: Word = _register(103, 5)
    noise_str: Word = _register(104, 4)

    def __check_init__(self) -> None:
        for name, field in FIELDS.items():
            _fits(f"Registers.{name}", field, getattr(self, name))
        if not isinstance(self.alpha_conf, Tracer):
            bits = np.asarray(self.alpha_conf)
            if bits.shape[-1:] != (PAIRS,) or np.any((bits != 0) & (bits != 1)):
                raise ValueError(
                    "Registers.alpha_conf must be a number of 128 bits, or 128 bits, "
                    f"one per pair of neurons; got {self.alpha_conf!r}"
                )

    @property
    def n_inp(self) -> int:
        """Input neurons."""
        return self.num_inp_neur + 1

    @property
    def n_rec(self) -> int:
        """Recurrent neurons."""
        return self.num_rec_neur + 1

    @property
    def n_out(self) -> int:
        """Output neurons."""
        return self.num_out_neur + 1

    @property
    def n_pre(self) -> int:
        """Presynaptic indices that are served."""
        return max(self.n_inp, self.n_rec)

    @property
    def n_groups(self) -> int:
        """Groups of 16 posts."""
        return (self.num_rec_neur >> 4) + 1

    @property
    def n_post(self) -> int:
        """Columns of weights: the recurrent neurons up to whole groups."""
        return GROUP * self.n_groups

    @property
    def top(self) -> int:
        """The last index of the largest layer."""
        return max(self.num_inp_neur, self.num_rec_neur, self.num_out_neur)

    @property
    def n_pairs(self) -> int:
        """Pairs of neurons that are stored; the last one may never be stepped."""
        return (self.top >> 1) + 1


FIELDS: dict[str, Field] = {
    f.name: f.metadata["register"] for f in fields(Registers) if f.name != "alpha_conf"
}
SIZES = ("num_inp_neur", "num_rec_neur", "num_out_neur")


def _fits(what: str, field: Field, value: Any) -> None:
    if isinstance(value, Tracer):
        return
    low, high = field.bounds
    number = np.asarray(value)
    if number.dtype.kind not in "iub" or np.any((number < low) | (number > high)):
        kind = "a signed" if field.signed else "an unsigned"
        raise ValueError(
            f"{what} must be a whole number from {low} to {high}, {kind} register of "
            f"{field.bits} bits; got {value}"
        )


def named(values: Mapping[str, Any], **others: Any) -> Registers:
    """Registers by the names of the documentation, `SPI_RST_MODE` or `RST_MODE`.

    Args:
        values: Signed registers as signed numbers.
        others: Further ones, by the names of `Registers`.

    Raises:
        ValueError: If a name is unknown, a value does not fit, or one is missing that
            has no reset value.
    """
    mine = {name.removeprefix("SPI_").lower(): v for name, v in values.items()} | others
    for name, value in mine.items():
        checks.known("register", name, (*FIELDS, "alpha_conf"))
        if name != "alpha_conf" and isinstance(value, list | dict | str):
            raise ValueError(f"register {name} must be one whole number; got {value!r}")
    try:
        return Registers(**mine)
    except TypeError:
        lacking = [n for n in UNSET if n not in mine]
        raise ValueError(
            "registers without a reset value are missing: " + ", ".join(lacking)
        ) from None


UNSET = tuple(
    name
    for name, field in FIELDS.items()
    if 70 <= field.address <= 84 or 98 <= field.address
)
