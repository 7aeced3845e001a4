# Two commands for a newcomer: `make demo` and `make test`. Both include all setup.
PYTHON ?= python3
DIR ?=
BIN := .venv/bin
UV := $(BIN)/uv
LOCKS := requirements.txt requirements-setup.txt lambdas/requirements.txt worker_image/requirements.txt

# Tests import a thousand modules in each worker and in each command that they run; compiling them takes longer
# than importing them.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-aws check coverage audit setup lock synth docs bench mutation package clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

demo: setup ## Run the main job on this machine; DIR=/some/tree sets the tree to back up
	@$(BIN)/tidemark demo $(if $(DIR),"$(DIR)")

# More workers than two cores, because the tests that start a local cloud mostly wait; see tests/scheduling.py.
TEST_WORKERS ?= 4

test: .venv/.ready-dev node_modules/.ready ## Run all tests
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadscope --no-loadscope-reorder

test-aws: .venv/.ready-dev node_modules/.ready ## Run the main job in the AWS account TIDEMARK_TEST_ACCOUNT; costs money
	$(BIN)/python -m pytest -m aws --timeout 10800 -s tests/e2e/test_account.py

check: .venv/.ready-dev ## Run the checks of CI other than the tests: format, lint, types, import contracts, language
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_language.py

# In one process per worker, without the tests that start a local cloud; `make test` runs those, unmeasured.
FAST_TESTS := $(addprefix tests/,answers aws cli crawl damage index lambdas policy sessions tags web worker_image) $(wildcard tests/test_*.py)

coverage: .venv/.ready-dev ## Measure branch coverage of the fast tests; fails below the floor in pyproject.toml
	$(BIN)/python -m pytest -n 2 -q -m "not cloud and not aws" --cov --cov-report=term:skip-covered $(FAST_TESTS)

package: setup ## Build the sdist and the wheel in build/dist, and try each in its own environment
	.ci/package

setup: .venv/.ready ## Create the virtual environment, with the command line at .venv/bin/tidemark

.venv/.ready: $(LOCKS) pyproject.toml $(wildcard setup.py tidemark/crawl/*.c)
	@command -v $(PYTHON) >/dev/null || \
	  { echo "$(PYTHON) was not found; install Python 3.11 or newer, or name the interpreter: make $(MAKECMDGOALS) PYTHON=python3.13" >&2; exit 1; }
	@$(PYTHON) -m infra.environment
	@$(BIN)/python -m infra.bundle
	@touch $@

# What tests and checks need in addition.
.venv/.ready-dev: requirements-dev.txt .venv/.ready
	@$(BIN)/python -m infra.environment dev
	@touch $@

# The CDK CLI and the tests' independent validators; nothing else needs npm.
node_modules/.ready: package-lock.json .venv/.ready
	@$(BIN)/python -m infra.node fetch

audit: .venv/.ready-dev ## Check pinned dependencies for known vulnerabilities; queries a network service
	$(BIN)/pip-audit --require-hashes -r requirements.txt -r lambdas/planning.txt -r worker_image/requirements.txt

synth: setup node_modules/.ready ## Write the CloudFormation templates to cdk.out
	$(BIN)/python -m infra.node npx cdk synth --quiet

lock: setup ## Update the pinned versions and their hashes
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade requirements-setup.in -o requirements-setup.txt
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --all-extras pyproject.toml lambdas/requirements.in worker_image/requirements.in -o requirements.txt
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade requirements-dev.in -o requirements-dev.txt
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes lambdas/requirements.in -c requirements.txt -o lambdas/requirements.txt
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes lambdas/planning.in -c requirements.txt -o lambdas/planning.txt
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes worker_image/requirements.in -c requirements.txt -o worker_image/requirements.txt
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade worker_image/compiler.in -o worker_image/compiler.txt
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade tests/infra/ministack.in -o tests/infra/ministack.txt

bench: .venv/.ready-dev ## Measure the crawler and the index on this machine; run nothing else meanwhile
	$(BIN)/python -m bench

mutation: .venv/.ready-dev ## Mutate the rules and list the mutants that no test detects (a sample)
	$(BIN)/python -m bench.mutation --sample 200

docs: setup ## Regenerate the generated documents
	$(BIN)/python -m tidemark.cli.reference

clean: ## Remove everything that setup and runs created
	rm -rf .venv node_modules build cdk.out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
