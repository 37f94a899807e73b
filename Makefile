# make run: the main job on drawn dogs; make test: everything; make quick: after every edit.
# PYTHON=/path/to/python picks the interpreter (3.11 to 3.13).
PYTHON ?=
PY := .venv/bin/python

.PHONY: help setup run quick test lint

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
	$(PY) -m pytest -m "not slow"

test: lint
	$(PY) -m pytest
