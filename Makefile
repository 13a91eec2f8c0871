# Every target makes what it needs: the first run creates .venv and installs the
# package into it, later runs start at once. `make PYTHON=python3.12 ...` picks the
# interpreter that .venv is made with.

PYTHON ?= python3
JOBS ?= 2

VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-peers
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
DEMO := runs/demo

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-full lint docs picture bench bench-quick bench-ticks bench-lab memory
.PHONY: study-binary study-gap study-deep study-unlayered study-arms study-dfc
.PHONY: study-sdsp study-reward study-predictive study-cue study-alif study-digits study-spoken
.PHONY: study-heterogeneous study-decolle study-triggered study-fa
.PHONY: study-mismatch study-bits study-dynapse
.PHONY: study-user study-spikes study-reckon study-reckon-spoken

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.installed ## Train online, write a report, unplug a feedback (2 minutes)
	rm -rf $(DEMO) $(DEMO)-gap
	$(BIN)/onspike train cue-accumulation --out $(DEMO) --set train.epochs=3
	$(BIN)/onspike train yin-yang --rule feedback-control --out $(DEMO)-gap \
		--set rule.control_gain=1

test: $(VENV)/.installed-test ## Run the quick tests, quickly compiled
	$(BIN)/pytest -n $(JOBS) --dist loadfile -m "not slow"

test-full: $(VENV)/.installed-test ## Run all tests, compiled as users' programs are
	XLA_FLAGS= $(BIN)/pytest -n $(JOBS)

lint: $(VENV)/.installed-lint ## Check style, types and the direction of imports
	$(BIN)/ruff check --no-cache
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports

docs: $(VENV)/.installed-docs ## Build the documentation into site/, and run its tutorials
	$(BIN)/mkdocs build --strict

picture: $(VENV)/.installed ## Draw the picture of the README again (3 minutes)
	$(BIN)/python studies/picture.py

bench: $(PEERS)/.installed ## Measure onspike beside its peers: docs/benchmarks.md (1 hour)
	$(PEERS)/bin/python benchmarks/side_by_side.py

bench-quick: $(VENV)/.installed ## Measure onspike beside what is on record (5 minutes)
	$(BIN)/python benchmarks/side_by_side.py --quick

bench-ticks: $(VENV)/.installed ## Measure the time of one tick, and of ReckOn's twin
	$(BIN)/python benchmarks/tick.py
	$(BIN)/python benchmarks/reckon.py

bench-lab: $(VENV)/.installed-test ## Measure the lab beside a run that nobody watches (10 minutes)
	$(BIN)/python benchmarks/lab.py

memory: $(VENV)/.installed ## Measure peak memory at 1,000 and 100,000 ticks
	$(BIN)/python benchmarks/memory.py

# Studies: what the documentation's tables come from. Each refuses a folder that is not
# empty. SEEDS=100,101,... picks the seeds.

SEEDS ?= 100,101,102,103,104
COMPARE := $(BIN)/onspike compare
STUDY := runs/study

study-cue: $(VENV)/.installed ## Cue accumulation: feedback, 8 bits, controls (20 minutes)
	$(COMPARE) cue-accumulation --rules reckon,reckon-random,frozen-hidden \
		--seeds $(SEEDS) --out $(STUDY)/cue/float
	$(COMPARE) cue-accumulation --rules reckon --devices fixed8 \
		--seeds $(SEEDS) --out $(STUDY)/cue/fixed8
	$(COMPARE) cue-accumulation --rules reckon --seeds $(SEEDS) \
		--out $(STUDY)/cue/tau-mem-20ms --set neuron.tau_mem=0.02

study-reckon: $(VENV)/.installed ## From the float rule to the chip, step by step (1 hour)
	$(BIN)/python studies/reckon_ladder.py --out $(STUDY)/reckon/ladder --seeds $(SEEDS)

# The float rule in the chip's network, written as the chip writes.
CHIP_NET := --neuron lif --set task.channels=140 --set task.ticks=60 \
	--set task.window=0.09 --set task.amplitude=binary --set network.hidden=100 \
	--set network.gain_in=0.5 --set network.gain_out=0.3 --set neuron.tau_mem=0.3 \
	--set neuron.v_threshold=0.6 --set rule.gate=target-window --set rule.hinge=0 \
	--set train.batch=1 --set train.optimiser=sgd --set train.decay=none
TEN := --set rule.rate=1.220703125e-4 --set rule.rate_out=3.0517578125e-5 \
	--set train.epochs=30
TWO := --set rule.rate=3.0517578125e-5 --set rule.rate_out=1.52587890625e-5 \
	--set train.epochs=40 --set task.classes=[0,1]
SPOKEN = $(COMPARE) spoken-digits --set task.train=$(TRAIN) --set task.test=$(TEST)
study-reckon-spoken: $(VENV)/.installed ## The chip hears digits: TRAIN=FILE.h5 TEST=FILE.h5 (30 minutes)
	$(SPOKEN) --rules reckon-chip --seeds $(SEEDS) $(TWO) --out $(STUDY)/reckon/two
	$(SPOKEN) --rules reckon-chip --seeds 100,101,102 --out $(STUDY)/reckon/ten
	$(SPOKEN) --rules reckon --seeds $(SEEDS) $(CHIP_NET) $(TWO) \
		--set train.readers=true --out $(STUDY)/reckon/two-float
	$(SPOKEN) --rules reckon --seeds 100,101,102 $(CHIP_NET) $(TEN) \
		--set train.readers=true --out $(STUDY)/reckon/ten-float

study-alif: $(VENV)/.installed ## Cue accumulation with ALIF and full e-prop (30 minutes)
	$(COMPARE) cue-accumulation --rules eprop-random --neuron alif \
		--seeds $(SEEDS) --out $(STUDY)/alif

study-digits: $(VENV)/.installed ## Handwritten digits beside their baselines
	$(COMPARE) digits --rules eprop,frozen-hidden,bptt --seeds $(SEEDS) \
		--out $(STUDY)/digits --set train.baselines=true

study-spoken: $(VENV)/.installed ## Spoken digits: TRAIN=FILE.h5 TEST=FILE.h5 (30 minutes)
	$(COMPARE) spoken-digits --rules eprop,frozen-hidden,bptt --seeds $(SEEDS) \
		--out $(STUDY)/spoken \
		--set task.train=$(TRAIN) --set task.test=$(TEST)

study-decolle: $(VENV)/.installed ## Local errors: TRAIN=FILE.h5 TEST=FILE.h5 (25 minutes)
	$(COMPARE) yin-yang --neuron spike-response --rules decolle,eprop,bptt,frozen-hidden \
		--seeds $(SEEDS) --out $(STUDY)/decolle/yin-yang --set train.readers=true
	$(COMPARE) spoken-digits --rules decolle --seeds $(SEEDS) \
		--out $(STUDY)/decolle/spoken \
		--set task.train=$(TRAIN) --set task.test=$(TEST)
	$(COMPARE) spoken-digits --rules decolle --seeds $(SEEDS) \
		--out $(STUDY)/decolle/frozen --set rule.rate=0 \
		--set task.train=$(TRAIN) --set task.test=$(TEST)

study-binary: $(VENV)/.installed ## Feedback control of one layer on two blobs (1 minute)
	$(COMPARE) binary --rules feedback-control --seeds $(SEEDS) \
		--out $(STUDY)/binary

study-gap: $(VENV)/.installed ## What unplugging the feedback costs (3 minutes)
	$(BIN)/python studies/gap.py --out $(STUDY)/gap --seeds $(SEEDS)
	$(COMPARE) yin-yang --rules feedback-control --seeds $(SEEDS) \
		--out $(STUDY)/gap/one-layer

# Seeds that the recipe was not chosen with.
study-deep study-unlayered: SEEDS := 200,201,202,203,204
DEEP = $(COMPARE) yin-yang --rules deep-feedback-control --seeds $(SEEDS)
study-deep: $(VENV)/.installed ## Feedback control of two layers, piece by piece (1 hour)
	$(COMPARE) yin-yang --rules deep-feedback-control,frozen-feedback-control \
		--seeds $(SEEDS) --out $(STUDY)/deep/recipe --set train.readers=true
	$(DEEP) --out $(STUDY)/deep/no-pull-back --set rule.overshoot=0
	$(DEEP) --out $(STUDY)/deep/gain-0 --set rule.control_gain=0
	$(DEEP) --out $(STUDY)/deep/gain-3 --set rule.control_gain=3
	$(DEEP) --out $(STUDY)/deep/sign --set rule.feedback=sign \
		--set rule.feedback_scale=0.3
	$(DEEP) --out $(STUDY)/deep/learnt --set rule.feedback=learnt
	$(DEEP) --out $(STUDY)/deep/random --set rule.feedback=random \
		--set rule.feedback_scale=0.1 --set rule.rate_out=3e-3
	$(DEEP) --out $(STUDY)/deep/into-hidden --set rule.control_hidden=0.03
	$(DEEP) --out $(STUDY)/deep/three-layers --set network.hidden=[100,100] \
		--set network.gain_rec=0.7
	$(DEEP) --out $(STUDY)/deep/mismatch --set device.mismatch=0.2
	$(DEEP) --out $(STUDY)/deep/8-bits --devices fixed8 --set device.mismatch=0.2 \
		--set device.write=stochastic --set rule.rate=0.4 --set rule.rate_out=4e-3
	$(DEEP) --out $(STUDY)/deep/poisson --set task.code=poisson \
		--set task.n_per_feature=10 --set rule.rate=0.06 --set rule.rate_out=7e-4

study-unlayered: $(VENV)/.installed ## A recurrent net that feedback reaches in part
	for reach in 1 0.5 0.1; do $(DEEP) --out $(STUDY)/unlayered/$$reach \
		--set network.recurrent=true --set network.gain_rec=0.3 \
		--set rule.reach=$$reach || exit 1; done

study-arms: $(VENV)/.installed ## Both halves of the tug-of-war, each, none (12 minutes)
	$(BIN)/python studies/arms.py --out $(STUDY)/arms --seeds $(SEEDS)

study-dfc: $(VENV)/.installed ## Deep feedback control of rate neurons (7 minutes)
	$(COMPARE) yin-yang --neuron rate --rules strong-dfc,dfc,bptt,frozen-hidden \
		--seeds $(SEEDS) --out $(STUDY)/dfc/recipes
	$(COMPARE) yin-yang --neuron rate --rules strong-dfc --seeds $(SEEDS) \
		--out $(STUDY)/dfc/two-sided --set rule.one_sided=false
	$(COMPARE) yin-yang --neuron rate --rules strong-dfc --seeds $(SEEDS) \
		--out $(STUDY)/dfc/random --set rule.feedback=random
	$(COMPARE) yin-yang --neuron rate --rules strong-dfc --seeds $(SEEDS) \
		--out $(STUDY)/dfc/learnt --set rule.feedback=learnt

FA_RULES := bptt,fa,dfa,sdfa,drtp,eprop-adaptive,frozen-hidden
study-fa: $(VENV)/.installed ## Random feedback beside backpropagation (5 minutes)
	for task in yin-yang digits; do $(COMPARE) $$task --neuron rate \
		--rules $(FA_RULES) --seeds $(SEEDS) --out $(STUDY)/fa/$$task || exit 1; \
	$(BIN)/onspike train $$task --neuron rate --rule frozen-hidden \
		--set train.epochs=1 --set train.readers=true \
		--out $(STUDY)/fa/$$task-readers || exit 1; done

study-triggered: $(VENV)/.installed ## Writes only where an error is worth one (10 minutes)
	$(COMPARE) cue-accumulation --rules error-triggered,reckon --seeds $(SEEDS) \
		--out $(STUDY)/triggered/recipes
	$(COMPARE) cue-accumulation --rules reckon --seeds $(SEEDS) \
		--out $(STUDY)/triggered/host-1 --set rule.rate=1.23e-4 --set rule.rate_out=3.56e-3
	$(COMPARE) cue-accumulation --rules reckon --seeds $(SEEDS) \
		--out $(STUDY)/triggered/host-2 --set rule.rate=3.64e-4 --set rule.rate_out=7.76e-3
	$(COMPARE) cue-accumulation --rules error-triggered --seeds $(SEEDS) \
		--out $(STUDY)/triggered/slow --set rule.rate=1.23e-4 \
		--set rule.rate_out=3.56e-3 --set rule.theta=0.193
	$(COMPARE) cue-accumulation --rules error-triggered --seeds $(SEEDS) \
		--out $(STUDY)/triggered/middle --set rule.rate=2.42e-4 \
		--set rule.rate_out=3.23e-3 --set rule.theta=0.278

study-predictive: $(VENV)/.installed ## The predictive rule's published experiments (8 minutes)
	$(BIN)/python studies/predictive.py --out $(STUDY)/predictive

study-sdsp: $(VENV)/.installed ## Digits in one pass: binary synapses, and ODIN's twin (6 minutes)
	$(COMPARE) digits --rules sdsp --devices bistable --seeds $(SEEDS) \
		--out $(STUDY)/sdsp/analogue --set train.readers=true
	$(BIN)/python studies/odin_digits.py --out $(STUDY)/sdsp/odin --seeds $(SEEDS)

study-reward: $(VENV)/.installed ## Which of 100 synapses earned a late reward (4 minutes)
	$(BIN)/python studies/reward.py --out $(STUDY)/reward/late --seeds $(SEEDS)
	$(COMPARE) binary --rules rstdp,hebb,stdp --seeds $(SEEDS) \
		--out $(STUDY)/reward/binary

study-heterogeneous: $(VENV)/.installed ## Time constants: spread, learnt, both, none (20 minutes)
	$(BIN)/python studies/heterogeneous.py --out $(STUDY)/heterogeneous --seeds $(SEEDS)

FULLY := $(if $(FULL),--full)
study-mismatch: $(VENV)/.installed ## What mismatch costs, what learning in place wins back (30 minutes)
	$(BIN)/python studies/mismatch.py --out $(STUDY)/mismatch $(FULLY)

study-bits: $(VENV)/.installed ## Bits x rounding x rule, without shadow weights (30 minutes)
	$(BIN)/python studies/bits.py --out $(STUDY)/bits $(FULLY)

study-dynapse: $(VENV)/.installed ## Feedback control on a DYNAP-like device (15 minutes)
	$(BIN)/python studies/dynapse.py --out $(STUDY)/dynapse $(FULLY)

study-user study-spikes: SEEDS := 100,101,102
study-user: $(VENV)/.installed ## A new speaker at 8 bits: TRAIN=FILE.h5 TEST=FILE.h5 (30 minutes)
	$(BIN)/python studies/new_user.py --out $(STUDY)/user --seeds $(SEEDS) \
		--train $(TRAIN) --test $(TEST) $(FULLY)

study-spikes: $(VENV)/.installed ## Accuracy against spikes and writes (10 minutes)
	$(BIN)/python studies/few_spikes.py --out $(STUDY)/spikes --seeds $(SEEDS) \
		$(FULLY)

# Stamps: .venv is made once, and an extra installed again when pyproject.toml changes.
# The peers have an environment of their own, with onspike in it.

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("onspike needs Python 3.11 or later; this is " + sys.version.split()[0] + ": try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: pyproject.toml $(VENV)/.created
	$(PIP) install --editable .
	@touch $@

$(VENV)/.installed-%: pyproject.toml $(VENV)/.created
	$(PIP) install --editable '.[$*]'
	@touch $@

WANTED := benchmarks/peers/requirements.txt
ALONE := benchmarks/peers/alone.txt
$(PEERS)/.installed: pyproject.toml $(WANTED) $(ALONE)
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --editable . -r $(WANTED)
	$(PEERS)/bin/python -m pip install --quiet --no-deps -r $(ALONE)
	@touch $@
