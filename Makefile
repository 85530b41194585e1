PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: campaign test test-long contrast lint clean

campaign: $(READY)
	$(BIN)/designloop demo

test: $(READY) lint
	$(BIN)/python -m pytest -m "not long" -n 2 --dist worksteal

test-long: $(READY)
	$(BIN)/python -m pytest -m long

contrast: $(READY)
	$(BIN)/python benchmarks/contrast.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(READY): pyproject.toml constraints.txt
	@echo "setting up $(VENV): a few minutes the first time"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -qq --constraint constraints.txt torch
	$(BIN)/pip install -qq --constraint constraints.txt --editable ".[dev]"
	touch $(READY)

clean:
	rm -rf $(VENV) build dist *.egg-info
