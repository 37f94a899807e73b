# make run: the main job on drawn dogs; make test: everything; make quick: after every edit.
# PYTHON=/path/to/python picks the interpreter (3.11 to 3.13).
PYTHON ?=
PY := .venv/bin/python

.PHONY: help setup run quick test lint kaggle-env peers

help:
	@sed -n '1,2s/^# //p' Makefile

setup:
	@tools/setup.sh "$(PYTHON)"

run: setup
	@tools/demo.sh $(PY)

lint: setup
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

quick: lint
	$(PY) -m pytest -m "not slow" -n logical --maxprocesses 4 --dist loadfile

test: lint
	$(PY) -m pytest

# The kernel in Kaggle's Python and torch: built, rehearsed, tested (PYTHON: a 3.12).
kaggle-env:
	@tools/kaggle_env.sh "$(PYTHON)"

# The tools that `python -m bench metric` measures beside this one (torch again, about 3 GB).
peers: .venv-peers/ready

.venv-peers/ready: bench/requirements-peers.txt | setup
	$(PY) -m venv --clear .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@
