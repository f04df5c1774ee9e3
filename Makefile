# Two commands: `make run` (the whole pipeline) and `make test` (the tests). `make help` lists the rest.
PYTHON ?= $(or $(shell command -v python3.11 || command -v python3.12),python3.11)
BIN := .venv/bin
# DVC runs `python` from PATH, so the project's environment comes first.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup run accurate test test-fast lint coverage ui serve compare compare-cells depth bench bench-accuracy bench-tune bench-serving docs changelog requirements clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: .venv/installed  ## Create .venv with the pinned packages

# pip compiles bytecode as it installs; without it every process starts several times slower.
.venv/installed: requirements.txt
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(f"Python 3.11 or 3.12 is needed, but PYTHON is {v[0]}.{v[1]}: make PYTHON=/path/to/python3.11" if v not in ((3, 11), (3, 12)) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --compile --requirement requirements.txt
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  --no-build-isolation --editable .
	touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --compile --requirement requirements-dev.txt
	touch $@

run: setup  ## Download, pad, train and evaluate; register the best model
	python -m pipeline run

test: .venv/installed-dev  ## Run the tests
	python -m pytest

# The rooms whose tests start no TensorFlow and no command.
test-fast: .venv/installed-dev  ## Run those that need less than a minute in all
	python -m pytest tests/params tests/reviews tests/evaluation tests/reporting tests/runtime \
	  tests/test_architecture.py tests/test_guides.py

lint: .venv/installed-dev  ## Check style, types, words, dependencies and who imports whom
	ruff check
	ruff format --check
	mypy
	lint-imports
	deptry pipeline studies
	codespell --dictionary=- --dictionary=docs/words.txt
	@for part in pipeline studies benchmarks tests; do \
	  printf '%-10s %6d lines in %3d files\n' $$part $$(git ls-files "$$part/*.py" | xargs cat | wc -l) $$(git ls-files "$$part/*.py" | wc -l); done

coverage: .venv/installed-dev  ## Run the tests and show which lines none of them reaches
	python -m pytest --cov --cov-report=term

ui: setup  ## Open the MLflow UI on http://127.0.0.1:5000, or another PORT
	python -m pipeline ui --port $(or $(PORT),5000)

accurate: setup  ## The same with the best network known: whole reviews, under an hour (presets/accurate.yaml)
	python -m pipeline run --preset accurate

serve: setup  ## Serve the champion over HTTP on http://127.0.0.1:5001, or another PORT
	python -m pipeline serve --port $(or $(PORT),5001)

compare: setup  ## Show experiments beside each other: what differs, and how well they do
	python -m pipeline compare

compare-cells: setup  ## Simple RNN, LSTM and GRU side by side in minutes: reports/cells/report.html
	python -m studies compare-cells

depth: setup  ## Show what stacking layers does on these reviews (reports/depth)
	python -m pipeline.commands.dvc_process repro pad
	python -m studies depth

bench: setup  ## Milliseconds a training step beside the notebook's code, on the data of the last run
	python -m benchmarks.speed
	python -m benchmarks.recurrence

bench-accuracy: setup  ## What each ingredient of the accurate network is worth, on the data of the last run
	python -m benchmarks.accuracy

bench-tune: setup  ## Trials a minute beside a plain Optuna loop, on the data of the last run
	python -m benchmarks.tuning

bench-serving: setup  ## What a prediction costs with the champion: in process, over HTTP, under load, in large tables
	python -m benchmarks.inference
	python -m benchmarks.serving
	python -m benchmarks.clients
	python -m benchmarks.tables 100000

docs: .venv/installed-dev  ## Build the guides as a site, strictly: site/index.html
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict

changelog: .venv/installed-dev  ## Move the sentences of changes/ into CHANGELOG.md, under the code's version
	towncrier build --yes --version $$(python -c 'import pipeline; print(pipeline.__version__)')

requirements: .venv/installed-dev  ## Compile pyproject.toml into the pinned requirements
	python -m pip install --quiet uv
	uv pip compile --quiet --python $(BIN)/python pyproject.toml --output-file requirements.txt \
	  --no-emit-index-url --no-annotate --custom-compile-command "make requirements"
	uv pip compile --quiet --python $(BIN)/python pyproject.toml --extra dev --extra docs --constraints requirements.txt \
	  --output-file requirements-dev.txt --no-emit-index-url --no-annotate --custom-compile-command "make requirements"

clean:  ## Remove the stages' outputs; DVC's cache and MLflow's runs stay
	git clean -fdXq data models reports && rm -f reports/*.json reports/*.md reports/*.html
