# `make demo` runs the pipeline, `make test` the tests; each first installs what it needs into .venv.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help demo reproduce test test-long check lint types fast-tests fix docs site wheel lock clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

demo: .venv/installed  ## run the pipeline on the photos of the demo, offline, and print the path of the report
	$(BIN)/fluke run demo

# PATH=FOLDER is the folder of photos, too; the shell needs its own PATH then.
ifeq ($(origin PATH),command line)
PHOTOS := $(PATH)
override PATH := /usr/local/bin:/usr/bin:/bin
endif
# They reach the command through its environment: a setting may hold what the shell would take for its own, as ( and ).
reproduce: export PRESET := $(PRESET)
reproduce: export PHOTOS := $(PHOTOS)
reproduce: export SET := $(SET)
reproduce: .venv/installed  ## compare PRESET=cats_dogs with its write-up on PHOTOS=FOLDER, three seeds (SET='SECTION.SETTING=VALUE ...')
	@test -n "$$PRESET" -a -n "$$PHOTOS" || { echo "give both: make reproduce PRESET=cats_dogs PHOTOS=FOLDER"; exit 2; }
	@$(BIN)/python -m benchmarks.reproduce "$$PRESET" "$$PHOTOS" "$$SET"

# Some environments keep Python from writing bytecode: each process would compile TensorFlow's 3,000 modules again (5 s).
unexport PYTHONDONTWRITEBYTECODE
TESTS := $(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder
test: .venv/installed-dev  ## run the tests (13 minutes on 2 cores)
	$(TESTS) -m "not long"

test-long: .venv/installed-dev  ## run the longest one: nights on a bucket in which something is killed
	$(TESTS) -m long

check: .venv/installed-dev  ## ruff, mypy, import-linter and the fast tests, two at a time
	@$(MAKE) --no-print-directory --jobs 2 lint types fast-tests

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types:
	$(BIN)/mypy

fast-tests:
	$(TESTS) -m "not slow and not long"

fix: .venv/installed-dev  ## format, and repair what ruff can repair
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/installed  ## write docs/artifacts.md from the catalog of files
	$(BIN)/python -m tasks.tables > docs/artifacts.md

site: .venv/installed-dev  ## build the documentation as a site in site/, and check its links
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

wheel: .venv/installed  ## build dist/fluke-VERSION-py3-none-any.whl
	$(BIN)/python -m hatchling build -t wheel

lock:  ## resolve the dependencies again (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --upgrade \
		--extra build pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--extra build --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:  ## remove the virtual environment (not the data)
	rm -rf .venv

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "fluke needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.12 ..."; exit 2; }
	$(PYTHON) -m venv .venv

# The locks list every package with its hash, so pip needs no resolution: --no-deps makes sure that it adds none.
# pip would compile every module, one after the other; Python compiles those that are imported, when they are.
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps
.venv/installed: requirements.lock pyproject.toml | .venv/bin/python
	$(PIP_INSTALL) --require-hashes -r requirements.lock
	$(PIP_INSTALL) --no-build-isolation -e .
	@touch $@

.venv/installed-dev: requirements-dev.lock .venv/installed
	$(PIP_INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@
