"""What the options of tasks mean."""

from onspike.catalog.options.form import Option

TASK: dict[str, Option] = {
    # Every task.
    "ticks": Option("length of a sample", "ticks", ">= 1"),
    "cue-accumulation.ticks": Option(
        "length of a sample; what cues and recall leave is the delay",
        "ticks",
        "room for both",
    ),
    "dt": Option("length of a tick", "seconds", "> 0"),
    "window": Option(
        "time at the end of a sample in which the target is valid; null for the whole "
        "sample",
        "seconds",
        "> 0",
    ),
    "train_samples": Option("size of the training split", "samples", ">= 1"),
    "validation_samples": Option("size of the validation split", "samples", ">= 0"),
    "test_samples": Option("size of the test split", "samples", ">= 1"),
    "fresh": Option("whether every epoch draws new training samples, or their spikes"),
    "rate": Option("firing rate of an input at a feature of 1", "hertz", ">= 0"),
    # How features become input.
    "code": Option(
        "how features become input",
        choices={
            "rate": "regular spikes, more of them for a larger feature",
            "poisson": "random spikes, likewise",
            "latency": "one spike, later for a larger feature",
            "graded": "the feature itself, in every tick",
        },
    ),
    "n_per_feature": Option("inputs for each feature", "inputs", ">= 1"),
    "t_min": Option("time of a feature of 0, code latency", "seconds", ">= 0"),
    "t_max": Option("time of a feature of 1, code latency", "seconds", ">= task.t_min"),
    "bias": Option(
        "time of the spike of one more input, code latency; null for no such input",
        "seconds",
        ">= 0",
    ),
    "gain": Option(
        "input at a feature of 1, code graded", "threshold units per tick", "any"
    ),
    # Cue accumulation.
    "n_cues": Option("cues in a sample", "cues", "odd, >= 1"),
    "n_per_group": Option("inputs in each of the four groups", "inputs", ">= 1"),
    "cue_duration": Option("how long a cue is on", "seconds", "> 0"),
    "cue_period": Option(
        "from one cue's start to the next's", "seconds", ">= task.cue_duration"
    ),
    "recall_duration": Option("length of the recall at the end", "seconds", "> 0"),
    "active_rate": Option("rate of an input of an active group", "hertz", ">= 0"),
    "background_rate": Option("rate of an input of the noise group", "hertz", ">= 0"),
    "flip_probability": Option(
        "chance that a cue takes the unlikely side", "probability", "0 to 1"
    ),
    # Points of a plane.
    "spread": Option("standard deviation of a blob", "sides of the unit square", "> 0"),
    "r_small": Option(
        "radius of the dots",
        "sides of the unit square",
        "1/50 to 1/2 of task.r_big",
    ),
    "r_big": Option(
        "radius of the disc", "sides of the unit square", "2 to 50 times task.r_small"
    ),
    # Two time scales.
    "n_fast": Option("fast cues, the last included", "cues", ">= 1"),
    "slow_duration": Option("length of the slow cue", "seconds", "> 0, in whole ticks"),
    "fast_duration": Option("length of a fast cue", "seconds", "> 0, in whole ticks"),
    "fast_period": Option(
        "from one fast cue's start to the next's", "seconds", "> 0, in whole ticks"
    ),
    "two-timescales.rate": Option(
        "rate of an input of an active group", "hertz", ">= 0"
    ),
    # Spoken digits.
    "train": Option("HDF5 file for training and validation, in Heidelberg's layout"),
    "test": Option("the same, for testing"),
    "channels": Option(
        "inputs, each of several neighbouring units; divides task.n_units",
        "inputs",
        ">= 1",
    ),
    "n_units": Option(
        "units (cochlear channels) of the files", "units", "as many as there are"
    ),
    "classes": Option(
        "labels that are asked for, in the order of the outputs; [] for all",
        "labels",
        "two or more",
    ),
    "amplitude": Option(
        "what spikes of one channel in one tick become",
        choices={
            "sqrt": "the square root of their number",
            "counts": "their number",
            "binary": "1 for one or more",
        },
    ),
    "spoken-digits.gain": Option(
        "input for one spike, amplitudes sqrt and counts",
        "threshold units per tick",
        "any",
    ),
    "validation_share": Option(
        "part of the training recordings that is held out for validation",
        "share",
        ">= 0, less than all",
    ),
    "validation_speakers": Option(
        "speakers held out for validation in place of a share, as the file numbers "
        "them; [] for none",
        "speakers",
        "those of the file",
    ),
    "warp_channels": Option(
        "largest shift of a training sample over channels", "channels", ">= 0"
    ),
    "warp_shift": Option(
        "largest shift of a training sample in time", "share of it", "0 to 1"
    ),
    "warp_stretch": Option(
        "largest change of a training sample's tempo", "share of it", "0 to <1"
    ),
}
