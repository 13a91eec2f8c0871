"""A child that learns nothing: the lab's protocol, at once and always the same."""

import json
import math
import os
import random
import sys
import time

TICKS, DT, FRAME = 400, 1e-3, 1 / 30  # per sample; seconds; seconds
SIZES = {"hidden": 200, "output": 3, "controller": 97}
N_IN = 80


def main(connection):
    """The child's program: `worker.main` without JAX."""
    Fake(connection).run()


class Fake:
    def __init__(self, connection):
        self.connection, self.id = connection, 0
        self.asked = {}
        self.rng = random.Random(0)
        self.state, self.pace, self.plugged = "idle", 1.0, True
        self.clear()

    def clear(self):
        self.id += 1
        self.seen = self.tick = self.due = 0
        self.rate = 0.005
        self.synapse = {"projection": "in-hidden", "post": 3, "pre": 5}

    def say(self, kind, **content):
        self.connection.send((kind, json.dumps({"type": kind, **content}).encode()))

    def run(self):
        then = time.monotonic()
        while True:
            if self.connection.poll(FRAME if self.state == "running" else None):
                try:
                    command = self.connection.recv()
                except EOFError:
                    return
                if command["do"] == "quit":
                    return
                getattr(self, f"do_{command.pop('do')}")(**command)
                self.status()
                then = time.monotonic()
            elif self.pace == "full":
                self.learn(TICKS - self.tick)
            else:
                now = time.monotonic()
                self.due += (now - then) * self.pace / DT
                then = now
                self.learn(int(self.due))
                self.due -= int(self.due)

    def learn(self, ticks):
        while ticks > 0:
            n = min(ticks, TICKS - self.tick)
            self.look(n)
            self.tick, ticks = self.tick + n, ticks - n
            if self.tick == TICKS:
                self.tick, self.seen = 0, self.seen + 1
                self.judge()
        self.status()

    def look(self, n):
        t0, seen, rng = self.tick, self.seen, self.rng
        label = seen % 3
        ends = t0 + n == TICKS
        window = [1 if t0 + t >= 250 else 0 for t in range(n)]
        gain = 1 - math.exp(-(seen + 1) / 30)

        def events(size, rate):
            return [
                number
                for t in range(n)
                for i in range(size)
                if rng.random() < rate * (1 + math.sin((t0 + t) / 40 + i / size * 6))
                for number in (t, i)
            ]

        def wave(i, scale=1.0):
            return [
                round(
                    scale * math.sin((t0 + t) / (12 + 3 * i) + i) + rng.gauss(0, 0.05),
                    4,
                )
                for t in range(n)
            ]

        def output(k):
            level = (0.3 + 0.7 * gain) if k == label else 0.3 * (1 - gain)
            return [
                round(level * (1 - math.exp(-(t0 + t) / 90)) + rng.gauss(0, 0.03), 4)
                for t in range(n)
            ]

        some = {name: list(range(min(4, size))) for name, size in SIZES.items()}
        self.say(
            "ticks",
            seen=seen,
            start=t0,
            n=n,
            label=label,
            answer=(label if rng.random() < 0.3 + 0.65 * gain else 0) if ends else None,
            plugged=self.plugged,
            x=events(N_IN, 0.02),
            z={name: events(size, 0.015) for name, size in SIZES.items()},
            v={name: [wave(i, 0.8) for i in shown] for name, shown in some.items()},
            shown=some,
            y=[output(k) for k in range(3)],
            target=[[1.0 if k == label else 0.0] * n for k in range(3)],
            mask=window,
            signal={
                name: [wave(i + 5, 0.1 if self.plugged else 0.0) for i in shown]
                for name, shown in some.items()
            },
            synapse={
                "pre": [1.0 if rng.random() < 0.04 else 0.0 for _ in range(n)],
                "post": [1.0 if rng.random() < 0.03 else 0.0 for _ in range(n)],
                "elig": wave(4, 0.4),
                "signal": wave(7, 0.1),
                "w": [0.2 + seen * 1e-3 + (t0 + t) * 2e-6 for t in range(n)],
            },
        )

    def judge(self):
        gain = 1 - math.exp(-self.seen / 30)
        if self.seen % 5 == 0:
            self.say(
                "accuracy",
                seen=self.seen,
                held_out=round(0.33 + 0.6 * gain, 3) if self.seen % 10 == 0 else None,
                of=200,
                while_learning=round(0.5 + 0.49 * gain, 3),
                streaming=None if self.plugged else round(0.33 + 0.58 * gain, 3),
                rates={name: 20.0 + i for i, name in enumerate(SIZES)},
                writes=1234.5,
            )
            self.weights()

    def weights(self):
        counts = [round(400 * math.exp(-(((i - 20) / 6) ** 2))) for i in range(40)]
        moved = [round(300 * math.exp(-(((i - 22) / 8) ** 2))) for i in range(40)]
        content = {}
        for name, rows, columns in (("in-hidden", 64, 64), ("hidden-output", 3, 64)):
            image = [
                round(90 * math.sin(r / 5 + self.seen / 9) * math.cos(c / 7))
                for r in range(rows)
                for c in range(columns)
            ]
            content[name] = {
                "low": -1.0, "high": 1.0, "counts": moved, "first": counts,
                "mean": 0.01, "spread": 0.31, "changed": min(1.0, self.seen / 50),
                "image": image, "rows": rows, "columns": columns, "scale": 1.0,
            }  # fmt: skip
        self.say("weights", projections=content)

    def status(self):
        self.say(
            "status",
            state=self.state,
            what={"idle": "Nothing yet."}.get(self.state, f"Sample {self.seen}."),
            speed=self.pace,
            plugged=self.plugged,
            epoch=self.seen // 500,
            epochs=4,
            sample=self.seen % 500,
            samples=500,
            seen=self.seen,
            tick=self.tick,
            ticks_per_second=12000.0 if self.state == "running" else 0.0,
        )

    def session(self):
        self.say(
            "session",
            id=self.id,
            **self.asked,
            dt=DT,
            ticks=TICKS,
            batch=1,
            n_in=N_IN,
            n_out=3,
            chance=1 / 3,
            held_out="validation",
            populations=[
                {
                    "name": name,
                    "n": n,
                    "spiking": True,
                    "role": name,
                    "shown": [0, 1, 2, 3][:n],
                    "threshold": 1.0,
                }
                for name, n in SIZES.items()
            ],
            projections=[
                {
                    "name": "in-hidden",
                    "pre": "input",
                    "post": "hidden",
                    "n_pre": N_IN,
                    "n_post": 200,
                    "plastic": True,
                },
                {
                    "name": "hidden-output",
                    "pre": "hidden",
                    "post": "output",
                    "n_pre": 200,
                    "n_post": 3,
                    "plastic": True,
                },
            ],  # fmt: skip
            injects=True,
            knobs=[
                {
                    "path": "rule.rate",
                    "label": "learning rate",
                    "unit": "",
                    "value": self.rate,
                    "low": 1e-5,
                    "high": 1.0,
                    "scale": "log",
                },
                {
                    "path": "rule.control_gain",
                    "label": "feedback gain",
                    "unit": "",
                    "value": 0.3,
                    "low": 0.0,
                    "high": 2.0,
                    "scale": "linear",
                },
                {
                    "path": "device.mismatch",
                    "label": "mismatch",
                    "unit": "",
                    "value": 0.0,
                    "low": 0.0,
                    "high": 0.5,
                    "scale": "linear",
                },
            ],  # fmt: skip
            spec='seed = 0\n\n[task]\nname = "yin-yang"\n',
            run=None,
            follows=False,
            synapse=self.synapse,
        )

    # The commands.

    def do_new(self, task, rule, neuron, device, seed, settings):
        if task == "nonsense":
            self.say("note", level="error", text="unknown task 'nonsense'")
            return
        self.asked = {
            "task": task,
            "rule": rule or "feedback-control",
            "neuron": neuron or "cuba-lif",
            "device": device or "ideal",
            "seed": seed,
            "settings": settings,
        }
        self.do_reset()

    def do_open(self, folder):
        self.do_new("yin-yang", None, None, None, 0, {})

    def do_reset(self):
        self.clear()
        self.state = "paused"
        self.session()
        self.weights()

    def do_start(self):
        self.state = "running"

    def do_pause(self):
        self.state = "paused"

    def do_speed(self, value):
        self.pace = value

    def do_step(self, ticks):
        self.state = "paused"
        self.learn(ticks)

    def do_set(self, path, value):
        if path == "die":
            print("the last words of the child", file=sys.stderr, flush=True)
            os._exit(3)
        self.say("mark", seen=self.seen, text=f"{path} = {value}")

    def do_feedback(self, plugged):
        self.plugged = plugged
        self.say("mark", seen=self.seen, text="plugged" if plugged else "unplugged")

    def do_watch(self, projection, post, pre):
        self.synapse = {"projection": projection, "post": post, "pre": pre}
        self.session()

    def do_export(self, folder):
        self.say("exported", folder=folder or "runs/lab")
