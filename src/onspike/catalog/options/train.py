"""What the options of training mean."""

from onspike.catalog.options.form import Option

TRAIN: dict[str, Option] = {
    "epochs": Option("how often the training split is gone through", "epochs", ">= 1"),
    "batch": Option(
        "samples that learn side by side; those of an epoch that fill no batch are "
        "left out of it, others in each epoch",
        "samples",
        ">= 1",
    ),
    "optimiser": Option(
        "what stands between the rule's update and the weights",
        choices={"sgd": "nothing", "adam": "Adam", "adamax": "Adamax"},
    ),
    "beta1": Option(
        "what adam and adamax keep of a mean update, per write", "share", "0 to <1"
    ),
    "beta2": Option(
        "what adam and adamax keep of an update's size, per write", "share", "0 to <1"
    ),
    "decay": Option(
        "of the rate over the run",
        choices={"none": "none", "linear": "linearly to 0 at the end"},
    ),
    "engine": Option(
        "what runs the ticks; result.json says which and why",
        choices={
            "auto": "the fastest of those that give what scan gives (but for the "
            "count of float writes)",
            "scan": "tick by tick: the reference",
            "chunked": "blocks of ticks, for rules that write once per sample",
            "event": "native code that touches only rows of weights with a spike, on "
            "a CPU",
        },
    ),
    "weight_decay": Option(
        "share of every plastic weight that a write takes away, times rate and "
        "schedule; past the optimiser (AdamW)",
        "1 per rate",
        ">= 0",
    ),
    "clamp": Option("largest absolute weight; null for none", "weight units", "> 0"),
    "clamp_low": Option(
        "smallest weight, where it is not -train.clamp: 0 for synapses that only "
        "excite",
        "weight units",
        "below train.clamp",
    ),
    "eval_batch": Option("samples that are evaluated at a time", "samples", ">= 1"),
    "checkpoint_samples": Option(
        "training samples between checkpoints; 0 for one per epoch", "samples", ">= 0"
    ),
    "readers": Option("also fit classifiers to the input and to hidden spike counts"),
    "baselines": Option("the same, and train a frozen hidden layer"),
}
