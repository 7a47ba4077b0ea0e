# Everything a newcomer needs: `make refresh` and `make test` set themselves up.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
UV     := $(BIN)/uv
LOCK   := requirements.lock

# Optional Debian packages. Without them, rendering photos is slower, tests can't read provenance
# back or speak, and the lettering detector has no typefaces to be trained with.
DEBIAN := libllvm19 libimage-exiftool-perl fonts-dejavu-core fonts-dejavu-extra fonts-liberation espeak-ng

.DEFAULT_GOAL := help
# Without bytecode on disk, every process would spend 15 seconds on imports instead of 5.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help refresh test test-slow coverage walk walk-studio check dev bench gpu-check lock studio-model debian clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(READY): $(LOCK) pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "catalog_gen needs Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 2; }
	@echo "Installing the locked set into $(VENV) (once; about 6 GB with PyTorch) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r uv.txt
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r $(LOCK)
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

refresh: $(READY) ## the nightly job on the sample catalog, end to end
	@$(BIN)/catalog-gen refresh

test: $(READY) ## the tests, but for the slow ones
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-slow: $(READY) ## the tests of whole processes (servers, kills, terminals) and of trainings
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m slow

coverage: $(READY) ## the test suite with line and branch coverage of catalog_gen
	@$(BIN)/python -m pytest -n 2 --dist worksteal --cov=catalog_gen --cov-branch --cov-report=term

walk: $(READY) ## find, fix and redraw a failed picture in Dagster's web UI, in a real Chromium (minutes)
	@$(BIN)/python -m tests.walk

walk-studio: $(READY) ## every page of the studio in a real Chromium, by keyboard and with axe-core (minutes)
	@$(BIN)/python -m tests.walk.studio

check: $(READY) ## ruff, strict types, import contracts
	@$(BIN)/ruff check --no-cache .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

dev: $(READY) ## Dagster's web UI with the nightly schedule on
	@$(BIN)/catalog-gen dev

bench: $(READY) ## every benchmark; some take hours
	@for script in $(filter-out benchmarks/gpu_check.py,$(wildcard benchmarks/*.py)); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

gpu-check: $(READY) ## measure on your GPU what is promised about GPUs; writes docs/gpu/CARD.md
	@$(BIN)/python benchmarks/gpu_check.py

STUDIO := $(BIN)/python -m studio

studio-model: $(READY) debian ## render the photos, train the studio model, measure it (8 h on two cores)
	@$(STUDIO).photos.negatives --out .studio/photos --split train --scenes 675
	@$(STUDIO).photos.negatives --out .studio/photos --split scorer --scenes 1600
	@$(STUDIO).photos.negatives --out .studio/photos --split judge --scenes 2000
	@$(STUDIO).photos.negatives --out .studio/photos --split held-out --scenes 200
	@$(STUDIO).training.train
	@$(STUDIO).evaluation.evaluate
	@$(STUDIO).training.lettering
	@$(STUDIO).training.cutout
	@echo "Judge pictures of the new model ($(STUDIO).evaluation.eye; data/eye/README.md), then: $(STUDIO).training.critic"

lock: ## resolve the dependencies again
	@$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		--all-extras pyproject.toml -o $(LOCK)
	@echo 'uv==0.13.8' | $(UV) pip compile --quiet --universal --generate-hashes \
		--no-emit-index-url --no-header - -o uv.txt

debian: ## install the optional packages for rendering and tests
	@command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] \
		&& apt-get update -qq && apt-get install -y -qq $(DEBIAN) >/dev/null \
		|| echo "Not installed (no apt-get, not root, or what is said above): $(DEBIAN)"

clean: ## remove the virtual environment and everything that was drawn
	rm -rf $(VENV) .catalog
