"""Examples of every command, for its help."""

_EXAMPLES = {
    "train": (
        "onspike train cue-accumulation",
        "onspike train digits --rule dfa --neuron rate --seed 3 --out runs/dfa",
        "onspike train yin-yang --device fixed8 --set device.bits=6",
    ),
    "resume": ("onspike resume runs/demo", "onspike resume runs/my-sweep"),
    "eval": ("onspike eval runs/demo",),
    "compare": (
        "onspike compare yin-yang --rules eprop,dfa,bptt --out runs/credit",
        "onspike compare digits --rules eprop --devices ideal,fixed8 --seeds 5 "
        "--out runs/bits",
        "onspike compare yin-yang --neuron rate --rules fa,dfa --seeds 5,6,7 "
        "--out runs/rates",
    ),
    "sweep": (
        "onspike sweep yin-yang --search rule.rate=log:1e-3:1e-1 --trials 16 "
        "--out runs/rate",
        "onspike sweep digits --rule dfa --search rule.feedback_scale=log:0.1:10 "
        "--search network.hidden=50,100 --out runs/dfa",
    ),
    "report": ("onspike report runs/demo", "onspike report runs/credit"),
    "energy": ("onspike energy runs/demo", "onspike energy runs/demo --json"),
    "doctor": ("onspike doctor runs/demo", "onspike doctor runs/demo/spec.toml"),
    "lab": (
        "onspike lab",
        "onspike lab runs/demo",
        "onspike lab --task binary --set rule.rate=0.01 --port 0",
    ),
    "list": (
        "onspike list rules",
        "onspike list eprop",
        "onspike list yin-yang",
        "onspike list train",
    ),
    "run": (
        "onspike chip reckon run net.npz events.txt --from 1200",
        "onspike chip reckon run net.npz events.txt --from 1200 --learn --epochs 10 "
        "--out learnt.npz",
    ),
    "verify": ("onspike chip reckon verify recorded/*.npz",),
    "export": ("onspike chip reckon export net.npz chip/",),
    "import": ("onspike chip reckon import chip/ net.npz",),
    "calibrate": ("onspike chip reckon calibrate runs/demo net.npz",),
}


def of(command: str) -> str:
    """The examples of a command, as a list in Markdown."""
    return "\n\n".join(["Examples:", *(f"- `{line}`" for line in _EXAMPLES[command])])
