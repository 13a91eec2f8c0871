"""XLA's foreign functions, seen from numba.

A compiled program of JAX calls native code with the address of a C structure, the call
frame, that holds pointers to its arrays (XLA's FFI, `xla/ffi/api/c_api.h`; it only ever
grows at the end). Read as 64-bit words it needs no C: a function compiled by numba is
called in less than a microsecond, where a call back into Python costs a hundred.

Arrays are bare pointers here. They compile several times faster than numba's arrays.
"""

import ctypes
import sys
from typing import Any, no_type_check

import jax
import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

# Multiply-adds may be fused, as XLA's are; nothing else may be rearranged. Python never
# calls these functions: without wrappers for it they compile a quarter faster.
_HOW: dict[str, Any] = {
    "error_model": "numpy",
    "fastmath": {"contract"},
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "no_rewrites": True,
}
native = njit(**_HOW)
# What is called at every tick is made a part of the caller: handing over what it needs
# takes as long as what it does.
inlined = njit(**_HOW, forceinline=True)

WORD = types.int64(types.int64)  # the signature of what can be called
_EXTENSION, _ARGUMENTS, _RESULTS = 1, 9, 14  # words of a frame
_KIND, _DATA, _RANK, _SHAPE = 2, 3, 4, 5  # words of a buffer
_DOUBLE = 12  # the kind of numbers of eight bytes; all others here have four
_HEAD, _BUFFER = 16, 6  # words of a frame before its lists, and of a buffer
FRAME = 8 * (_HEAD + (_BUFFER + 1) * 80)  # bytes that hold a frame of 80 buffers
_METADATA = 1  # the kind of extension that asks for the version


@intrinsic
@no_type_check
def pointer(typing_context, address, kind):
    """The address of numbers of a kind (a numpy scalar type) as a pointer to them."""

    def generate(context, builder, signature, args):
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return types.CPointer(kind.dtype)(types.int64, kind), generate


@intrinsic
@no_type_check
def after(typing_context, origin, distance):
    """The pointer so many numbers further on."""

    def generate(context, builder, signature, args):
        return builder.gep(args[0], [args[1]])

    return origin(origin, types.int64), generate


@intrinsic
@no_type_check
def as_bytes(typing_context, origin):
    """The same pointer, to bytes."""

    def generate(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(8).as_pointer())

    return types.CPointer(types.uint8)(origin), generate


@intrinsic
@no_type_check
def eight_at(typing_context, origin, distance):
    """Eight bytes so many bytes further on, as one word."""

    def generate(context, builder, signature, args):
        place, word = builder.gep(args[0], [args[1]]), ir.IntType(64).as_pointer()
        return builder.load(builder.bitcast(place, word), align=1)

    return types.int64(types.CPointer(types.uint8), types.int64), generate


@intrinsic(prefer_literal=True)
@no_type_check
def worker_of(typing_context, kind, form):
    """The address of the worker of a form that was exported for a kind of numbers."""

    def generate(context, builder, signature, args):
        word = ir.IntType(64)
        function = ir.FunctionType(word, [word])
        name = symbol(form.literal_value, str(kind.dtype))
        found = builder.module.globals.get(name)
        if found is None:
            found = ir.Function(builder.module, function, name)
        return builder.ptrtoint(found, word)

    return types.int64(kind, form), generate


@intrinsic
@no_type_check
def call_at(typing_context, address, argument):
    """Calls the function of one word at an address."""

    def generate(context, builder, signature, args):
        word = ir.IntType(64)
        function = ir.FunctionType(word, [word]).as_pointer()
        return builder.call(builder.inttoptr(args[0], function), [args[1]])

    return types.int64(types.int64, types.int64), generate


@native
@no_type_check
def words(address):
    """The 64-bit words at an address."""
    return pointer(address, np.int64)


@native
@no_type_check
def argument(frame, k, kind):
    """Argument k."""
    return pointer(words(words(frame[_ARGUMENTS])[k])[_DATA], kind)


@native
@no_type_check
def axis(frame, k, i):
    """The length of axis i of argument k."""
    return words(words(words(frame[_ARGUMENTS])[k])[_SHAPE])[i]


@native
@no_type_check
def place(frame, k):
    """The address of result k."""
    return words(words(frame[_RESULTS])[k])[_DATA]


@native
@no_type_check
def result(frame, k, kind):
    """Result k."""
    return pointer(place(frame, k), kind)


@native
@no_type_check
def carry_over(frame, first, to, n):
    """Lets n results from `to` on begin as the arguments from `first` on are.

    XLA puts the two in one place, where there is nothing to do.
    """
    for k in range(n):
        origin = words(words(frame[_ARGUMENTS])[first + k])
        copy = words(words(frame[_RESULTS])[to + k])
        if origin[_DATA] != copy[_DATA]:
            size = 2 if origin[_KIND] & 0xFFFFFFFF == _DOUBLE else 1
            for i in range(origin[_RANK]):
                size *= words(origin[_SHAPE])[i]
            before, after = (
                pointer(origin[_DATA], np.int32),
                pointer(copy[_DATA], np.int32),
            )
            for i in range(size):
                after[i] = before[i]


@native
@no_type_check
def width(kind):
    """Bytes of a number of XLA's kind."""
    if kind in (1, 2, 6):  # bool and whole numbers
        return 1
    return 4 if kind in (4, 8, 11) else 8


@native
@no_type_check
def member(frames, m):
    """The frame of a member of a call: see `divide`."""
    return words(frames + FRAME * m)


@native
@no_type_check
def divide(frame, axes, frames):
    """Cuts a call that `jax.vmap` has made of many into these; says how many.

    All arguments and results have the same leading axes.

    Args:
        frame: Of the call.
        axes: Of its first argument, without the leading ones.
        frames: The address of room for as many frames, which are written.
    """
    first = words(words(frame[_ARGUMENTS])[0])
    lead, members = first[_RANK] - axes, 1
    for i in range(lead):
        members *= words(first[_SHAPE])[i]
    for m in range(members):
        mine, at = member(frames, m), frames + FRAME * m + 8 * _HEAD
        mine[_EXTENSION] = 0
        for kind in (_ARGUMENTS, _RESULTS):
            given, count = words(frame[kind]), frame[kind - 2]
            mine[kind], listed = at, words(at)
            at += 8 * count
            for k in range(count):
                origin, copy = words(given[k]), words(at)
                size = width(origin[_KIND] & 0xFFFFFFFF)
                for i in range(lead, origin[_RANK]):
                    size *= words(origin[_SHAPE])[i]
                copy[_KIND], copy[_DATA] = origin[_KIND], origin[_DATA] + m * size
                copy[_RANK], copy[_SHAPE] = (
                    origin[_RANK] - lead,
                    origin[_SHAPE] + 8 * lead,
                )
                listed[k] = at
                at += 8 * _BUFFER
    return members


@native
@no_type_check
def asks_for_version(frame):
    """Answers XLA's first call, which only asks which version of the FFI this is."""
    if frame[_EXTENSION] == 0:
        return False
    extension = words(frame[_EXTENSION])
    if extension[1] & 0xFFFFFFFF != _METADATA:
        return False
    answer = pointer(extension[3] + 24, np.int32)
    answer[0], answer[1], answer[2] = 0, 1, 0  # major and minor version, traits
    return True


def register(name: str, handler: Any) -> None:
    """Makes a `cfunc` of one word, a frame's address, the target of `ffi_call`."""
    new = ctypes.pythonapi.PyCapsule_New
    new.restype = ctypes.py_object
    new.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    jax.ffi.register_ffi_target(name, new(handler.address, None, None), platform="cpu")


def export(form: str, real: str, worker: Any) -> None:
    """Lets native code find a `cfunc` of one word."""
    llvmlite.binding.add_symbol(symbol(form, real), worker.address)


def symbol(form: str, real: str) -> str:
    """The name under which it is found."""
    return f"onspike_event_worker_{form}_{real}"


if sys.platform == "win32":  # no threads of this kind: shares run in turn

    @native
    @no_type_check
    def start(work, job, thread):
        """Starts no thread."""
        return False

    @native
    @no_type_check
    def finish(thread):
        """Waits for nothing."""

else:
    _create = types.ExternalFunction(
        "pthread_create",
        types.int32(types.int64, types.int64, types.int64, types.int64),
    )
    _join = types.ExternalFunction(
        "pthread_join", types.int32(types.int64, types.int64)
    )

    @native
    @no_type_check
    def start(work, job, thread):
        """Calls a function on a thread of its own; says whether there is one.

        Args:
            work: The function's address.
            job: Its argument.
            thread: The address of a word that will name the thread.
        """
        return _create(thread, 0, work, job) == 0

    @native
    @no_type_check
    def finish(thread):
        """Waits for the thread of that name."""
        _join(thread, 0)
