.PHONY: demo test fast lint bench docs clean
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH := $(shell sed -n 's/^torch==/torch==/p' constraints.txt)

demo: $(VENV)/.installed
	$(BIN)/idealscore compare digits --out demo

test: $(VENV)/.installed
	$(BIN)/pytest -n 2 --dist worksteal

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: $(VENV)/.installed
	$(BIN)/pytest benchmarks --benchmark-sort=name

docs: $(VENV)/.installed
	$(BIN)/mkdocs build --strict

# torch goes first: a pinned wheel then satisfies whatever asks for torch later
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet $(TORCH)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV) build dist site *.egg-info
