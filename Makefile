# Two commands: `make demo` and `make test`. Both do all the set-up they need.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
DEMO   ?= runs/demo
HOMEDEPOT ?= ../shared/data/homedepot
# fp32 or bf16, for what is "auto" in `make demo` and `make test`; a path or option of pytest; where torch comes from:
# TORCH_INDEX=https://download.pytorch.org/whl/cpu leaves gigabytes of CUDA out.
PRECISION   ?= $(GENRET_PRECISION)
TESTS       ?=
SEEDS       ?= 1 2 3 4 5
TORCH_INDEX ?=
export GENRET_PRECISION := $(PRECISION)

.PHONY: demo docs homedepot scale test test-notebooks test-properties test-slow check lint types notebooks clean

$(READY): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(TORCH_INDEX:%=--index-url %) 'torch==2.13.0'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY)           ## catalogue -> IDs -> model -> search -> report.html
	$(BIN)/genret demo --out $(DEMO)

homedepot: $(READY)      ## the Home Depot recipe from the raw files to the table, in an hour or two on two cores
	$(BIN)/genret build $(HOMEDEPOT) --format homedepot --out runs/homedepot --preset eval/recipes/homedepot.toml
	$(BIN)/python eval/recall.py eval/presets/homedepot.toml --data $(HOMEDEPOT) --run runs/homedepot

scale: $(READY)          ## how every stage grows from 3,000 to 30,000 products, in minutes: runs/scale/results
	$(BIN)/python eval/scale.py --out runs/scale/results

test: $(READY)           ## the default suite: offline, CPU, two processes, about 12 minutes on two cores; bf16: make test PRECISION=bf16
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(TESTS)

test-slow: $(READY)      ## the long runs that the default suite leaves out
	$(BIN)/python -m pytest -m slow

test-properties: $(READY) ## the property tests on new examples, once per seed; SEEDS="1 2 3"
	for seed in $(SEEDS); do OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "hypothesis and not slow" \
	  --hypothesis-profile new-examples --hypothesis-seed $$seed $(TESTS) || exit 1; done

test-notebooks: $(READY) ## every notebook from a clean kernel
	$(BIN)/python -m pytest -m "slow or not slow" tests/test_notebooks.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

check: lint types test

PICTURES := docs/images/search.png
$(PICTURES): tests/server/test_explorer.py $(wildcard genret/server/static/*) | $(READY)
	GENRET_SCREENSHOTS=$(CURDIR)/docs/images $(BIN)/python -m pytest -q tests/server/test_explorer.py

docs: $(READY) $(PICTURES) ## the documentation site, in site/; with pictures of the explorer where there is a Chromium
	$(BIN)/python docs/generate.py
	$(BIN)/python -m zensical build --strict --clean

notebooks: $(READY)      ## strip outputs before a commit
	$(BIN)/nbstripout notebooks/*.ipynb

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
