# Two commands: `make serve` runs ketfeed, `make test` proves it. Both install what they need into .venv.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
            $$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: serve test lint format lock clean

serve: .venv/ready-serve ## the service on 127.0.0.1:8080 with the shipped configuration
	$(BIN)/ketfeed serve

test: .venv/ready-test ## everything; `make test ARGS=tests/net` for a part
	tests/run.sh $(ARGS)

lint: .venv/ready-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: .venv/ready-test
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: ## pin the newest versions with hashes; no index address is written
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --upgrade --quiet pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --upgrade --quiet --extra dev --extra benchmark --constraint requirements.lock pyproject.toml -o requirements-dev.lock

clean:
	rm -rf .venv node_modules tests/readers/node_modules

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "ketfeed needs Python 3.11 or newer with the venv module (Debian: apt-get install python3-venv)" >&2; exit 2; }
	$(PYTHON) -m venv .venv

.venv/ready-serve: requirements.lock pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@

.venv/ready-test: requirements-dev.lock pyproject.toml tests/install.sh | .venv/bin/python
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	tests/install.sh
	@touch $@ .venv/ready-serve
