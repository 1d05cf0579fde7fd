.PHONY: demo test test-rest test-portable fast lint types bench docs wheel clean
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOG := $(VENV)/install.log
TORCH := $(shell sed -n 's/^torch==/torch==/p' constraints.txt)
# pip is quiet; what it and the build back end have to say stands in the log, and is shown where they fail
PIP = $(BIN)/pip install --quiet --disable-pip-version-check
# its adapter is tested against it; its torchvision is left out, whose wheel does not load next to the CPU torch
AZULA := azula==0.11.1 einops==0.8.2
# where Python keeps no compiled modules, each of the many processes that the tests start compiles the package anew
unexport PYTHONDONTWRITEBYTECODE
LOGGED = >> $(LOG) 2>&1 || { tail -n 30 $(LOG); exit 1; }

demo: $(VENV)/.runtime
	@echo "idealscore compare digits: train a small network on 1,438 digits and hold it against five optima (about a minute)"
	@$(BIN)/idealscore compare digits --out demo
	@echo "open demo/report.html in a browser; docs/tutorial.md goes on from here"

test: $(VENV)/.test
	$(BIN)/pytest -n 2 --dist worksteal

# what the suite leaves out to stay short: the other cases of long families, and tests that have a quicker one next to them
test-rest: $(VENV)/.test
	$(BIN)/pytest -n 2 --dist worksteal --rest

# the suite under other instruction sets, threads, locales, homes and users: all settings, or `make test-portable NAME=avx2`
test-portable: $(VENV)/.test
	$(BIN)/python tests/portable.py $(NAME) -- -n 2 --dist worksteal

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

# what a user's editor and type checker see: README and tutorial against the installed wheel
types: $(VENV)/.test
	$(BIN)/python .ci/user_types.py

bench: $(VENV)/.test
	$(BIN)/pytest benchmarks --benchmark-sort=name

docs: $(VENV)/.test
	$(BIN)/mkdocs build --strict

wheel: $(VENV)/.test
	$(BIN)/python -m build --outdir dist .

$(VENV)/bin/pip:
	@echo "making an environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --upgrade pip $(LOGGED)

# torch goes first: a pinned wheel then satisfies whatever asks for torch later
$(VENV)/.runtime: pyproject.toml constraints.txt | $(VENV)/bin/pip
	@echo "installing $(TORCH) and the packages that idealscore needs (log: $(LOG))"
	@$(PIP) $(TORCH) $(LOGGED)
	@$(PIP) --constraint constraints.txt --editable . $(LOGGED)
	@touch $@

$(VENV)/.test: $(VENV)/.runtime
	@echo "installing the packages that tests, lint and documentation need"
	@$(PIP) --constraint constraints.txt --editable '.[test]' $(LOGGED)
	@$(PIP) --no-deps $(AZULA) >> $(LOG) 2>&1 || echo "without azula, whose tests are skipped"
	@mkdir -p $(VENV)/types && ln -sfn ../.. $(VENV)/types/idealscore
	@touch $@

clean:
	rm -rf $(VENV) build dist site *.egg-info
