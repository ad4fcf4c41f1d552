# Everything runs in .venv, which the first command that needs it makes. PYTHON names the interpreter it is made from.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo demo-full test fuzz mutants docs lint clean

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name text; do \
		printf 'make %-9s %s\n' "$$name" "$$text"; done

demo: $(INSTALLED) ## damage and repair the recordings in demo/clips, about two minutes; then open demo/report.html
	$(RUN) demo/run.py

demo-full: $(INSTALLED) ## the same with a deep prior fitted to every recording, many minutes more
	$(RUN) demo/run.py --full

# One thread for each of the processes: small tensors gain nothing from more, and two processes would fight for cores.
test: $(INSTALLED) ## run the tests
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n auto --maxprocesses 4

fuzz: $(INSTALLED) ## try random command lines on damaged files for half an hour, then kill commands at random moments
	OMP_NUM_THREADS=1 $(RUN) -m tests.fuzz --minutes 30 --kills 30 --seed $$(date +%s)

mutants: $(INSTALLED) ## put faults into the default method, one at a time, and name those that no test finds
	$(RUN) benchmarks/mutants.py

docs: $(INSTALLED) ## build the documentation in site/; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict

lint: $(INSTALLED) ## check style and formatting
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

clean: ## remove the environment, the demonstration's results and all caches
	rm -rf $(VENV) demo/output demo/report.html dist site .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The extra `metrics` compiles C code; where there is no compiler, all but two speech scores works without it.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "$(PYTHON) is not Python 3.11 or newer: install one and name it, as in make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "the venv module of $(PYTHON) is missing: install it, on Debian by apt-get install python3-venv" >&2; exit 1; }
	@echo "making $(VENV): about three minutes, 5 GB"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) -e '.[dev,docs,train]'
	@$(PIP) -e '.[metrics]' >$(VENV)/metrics.log 2>&1 || \
		echo "PESQ and STOI are left out, since they could not be installed (no C compiler?): see $(VENV)/metrics.log"
	@touch $@
