# Everything runs in .venv, made from PyPI alone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNS := runs/demo

.PHONY: demo test lint bench validate validate-faults picture clean

demo: $(VENV)/installed
	rm -rf $(RUNS)
	$(BIN)/cosim run highway_brake --set network.model=ideal --out $(RUNS)/ideal --quiet
	$(BIN)/cosim run highway_brake --out $(RUNS)/5g --quiet
	$(BIN)/cosim compare $(RUNS)/ideal $(RUNS)/5g --plot $(RUNS)/comparison.png

test: $(VENV)/installed
	$(BIN)/pytest -n auto --dist worksteal -m "not slow and not carla_real"

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/installed
	for script in benchmarks/bench_*.py; do $(BIN)/python $$script || exit 1; done

validate: $(VENV)/installed
	$(BIN)/python -m tests.validation

validate-faults: $(VENV)/installed
	$(BIN)/python -m tests.validation --faults

picture: $(VENV)/installed
	$(BIN)/python docs/pictures/make_page.py
	$(BIN)/python docs/pictures/make_drive.py

clean:
	rm -rf $(VENV) runs

# pip reads dependency groups since 25.1.
$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet --editable . --group dev
	touch $@
