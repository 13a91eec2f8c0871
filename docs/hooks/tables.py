"""Tables of the neurons and the tasks: what each holds and costs, and where it is from.

Sizes come from the objects that the catalogue builds, operations from the program that
a tick becomes: there is nothing to keep up to date.
"""

import re

import jax
import jax.numpy as jnp

from onspike import catalog
from onspike.experiment.spec import kind_of, resolve

NEURONS = "<!-- every neuron -->"
TASKS = "<!-- every task -->"
_FREE = {"broadcast_in_dim", "convert_element_type", "stop_gradient", "copy", "squeeze"}
_N = 7  # neurons; no constant has this size


def on_page_markdown(markdown, **_):
    """Puts the tables where a page asks for them."""
    for mark, table in ((NEURONS, _neurons), (TASKS, _tasks)):
        if mark in markdown:
            markdown = markdown.replace(mark, table())
    return markdown


def _neurons():
    head = "neuron", "values", "operations", "e-prop", "what it is", "source"
    lines = [head, ("---", "---:", "---:", "---:", "---", "---")]
    for name, row in catalog.NEURONS.items():
        made = resolve("yin-yang", rule="eprop", neuron=name).built("neuron")
        one = made(_N) if not hasattr(made, "step") else made
        state = jax.eval_shape(lambda n=one: n.init(_N))
        program = jax.make_jaxpr(lambda s, i, n=one: n.step(s, i, 1e-3))
        done = _operations(program(one.init(_N), jnp.ones(_N)).jaxpr)
        values = len(jax.tree.leaves(state))
        # A spike is an event, and no state that a chip keeps for long.
        kinds = len(one.continuous)
        line = f"`{name}`", values, done, kinds, row.summary, _linked(row.source)
        lines.append(line)
    return _drawn(lines)


def _operations(jaxpr):
    """Elementwise operations on what each neuron has of its own."""
    total = 0
    for step in jaxpr.eqns:
        inner = [
            value
            for value in step.params.values()
            if hasattr(value, "eqns") or hasattr(value, "jaxpr")
        ]
        if inner:
            total += sum(_operations(getattr(one, "jaxpr", one)) for one in inner[:1])
        elif step.primitive.name not in _FREE:
            total += any(_N in out.aval.shape for out in step.outvars)
    return total


def _tasks():
    head = "task", "inputs", "outputs", "ticks", "samples", "what it asks", "source"
    lines = [head, ("---", "---:", "---:", "---:", "---:", "---", "---")]
    for name, row in catalog.TASKS.items():
        wanted = [f for f in kind_of("task", name).__struct_fields__ if f == "test"]
        sizes = ("your files",) * 4
        if not wanted:
            task = resolve(name).built("task")
            of = "train", "validation", "test"
            split = ", ".join(f"{task.size(one):,}" for one in of)
            ticks = f"{task.ticks:,} of {1e3 * task.dt:g} ms"
            sizes = task.n_in, task.n_out, ticks, split
        lines.append((f"`{name}`", *sizes, row.summary, _linked(row.source)))
    return _drawn(lines)


def _linked(source):
    source = re.sub(r"doi:(10\.\S+)", r"[doi:\1](https://doi.org/\1)", source)
    return re.sub(
        r"arXiv (\d{4}\.\d+)", r"[arXiv \1](https://arxiv.org/abs/\1)", source
    )


def _drawn(lines):
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
