# `make` says what there is. Needed: make, and Python >= 3.11 with pip. uv is used where it is installed;
# `make UV= ...` does without it, `make PYTHON=/path/to/python3 ...` chooses the interpreter.

UV ?= uv
PYTHON ?=
ARGS ?=
# Tests wait more than they compute: two at once, also on few cores.
WORKERS ?= 2
# The newest stage in the tree.
N ?= $(lastword $(sort $(foreach stage,$(dir $(wildcard stage[1-9]*_*/scenario.py)),$(firstword $(subst _, ,$(stage:stage%=%))))))

BIN := .venv/bin
RUN := .venv/.ready-to-run
DEV := .venv/.ready-to-develop

.DEFAULT_GOAL := help
.PHONY: help demo test check fmt setup clean format lint types layers unused

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(RUN) ## install what is needed, then show the newest stage at work (N=1 chooses, ARGS=--step waits for a key)
	@$(BIN)/dts demo $(N) $(ARGS)

test: $(DEV) ## install what is needed, then run all tests (ARGS='-k word' chooses)
	$(BIN)/pytest -n $(WORKERS) --dist loadfile $(ARGS)

check: format lint types layers unused test ## all that must hold before a commit

fmt: $(DEV) ## format the code and mend what can be mended by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

setup: $(DEV) ## only install, into .venv

clean: ## stop what `dts up` left here and remove all that was made (.venv, .dts, caches)
	@if [ -d .dts ] && [ -x $(BIN)/dts ]; then $(BIN)/dts down; $(BIN)/dts infra down; fi
	rm -rf .venv .dts .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist build
	find common stage*_* tests -name __pycache__ -prune -exec rm -rf {} +

format: $(DEV)  ## .. is the code formatted?
	$(BIN)/ruff format --check --quiet .

lint: $(DEV)    ## .. the rules of pyproject.toml
	$(BIN)/ruff check --quiet .

types: $(DEV)   ## .. mypy, strict
	$(BIN)/mypy

layers: $(DEV)  ## .. does every import point downwards?
	$(BIN)/lint-imports

unused: $(DEV)  ## .. is every dependency declared and used?
	$(BIN)/deptry .

# A second run finds these newer than what they depend on, and starts at once.
$(RUN): pyproject.toml uv.lock .ci/setup
	@UV='$(UV)' PYTHON='$(PYTHON)' sh .ci/setup run
	@touch $@

$(DEV): $(RUN)
	@UV='$(UV)' PYTHON='$(PYTHON)' sh .ci/setup dev
	@touch $@
