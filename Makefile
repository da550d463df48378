# Needs make and Python 3.10 to 3.13 with venv; everything else is installed in .venv and .venv-sync.
# PYTHON=... picks the Python, STREAMS="contacts deals" the streams of `make sync`, ARGS=... is passed on to pytest.
# QUERY, OBJECT and MODE say what `make activate` writes; they are passed on as they are, whatever stands in them.
.DEFAULT_GOAL := help
.PHONY: help install sync activate test lint docs bench lock image clean
override QUERY := $(value QUERY)
override OBJECT := $(value OBJECT)
override MODE := $(value MODE)
export PYTHON STREAMS QUERY OBJECT MODE

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

install: .venv/.done ## set up .venv: the connector (.venv/bin/source-activecampaign) and the test tools

sync: install .venv-sync/.done ## sync an account into activecampaign.duckdb (secrets/config.json, else the demo)
	@.venv-sync/bin/python scripts/sync_to_duckdb.py $(STREAMS)

activate: install .venv-sync/.done ## write the rows of QUERY as OBJECT (secrets/destination.json, else the demo)
	@.venv-sync/bin/python scripts/activate.py

test: lint .venv-sync/.postgres ## run every test; those of the image where a container engine answers
	.venv/bin/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: install ## check style and types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

docs: install ## write docs/streams.md anew from the manifest and the schemas
	.venv/bin/python scripts/generate_docs.py

bench: install ## measure the connector on an emulated account (ARGS="--scenario startup --out docs/performance.md")
	.venv/bin/python -m benchmarks.bench $(ARGS)

lock: .venv/bin/uv ## make requirements/*.txt anew from pyproject.toml (UPGRADE=--upgrade for the newest of everything)
	scripts/lock $(UPGRADE)

image: ## build the images, source-activecampaign:dev and destination-activecampaign:dev
	docker build --target source -t source-activecampaign:dev .
	docker build --target destination -t destination-activecampaign:dev .

clean: ## remove the environments and everything built
	rm -rf .venv .venv-sync .cache .tmp .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.done: pyproject.toml requirements/build.txt requirements/dev.txt requirements/uv.txt scripts/venv
	scripts/venv .venv --require-hashes -r requirements/build.txt -r requirements/dev.txt
	scripts/venv .venv --no-deps --no-build-isolation --editable .
	@touch $@

.venv-sync/.done: requirements/sync.txt scripts/venv | .venv/.done
	scripts/venv .venv-sync --require-hashes -r requirements/sync.txt
	@touch $@

.venv-sync/.postgres: requirements/postgres.txt .venv-sync/.done
	scripts/venv .venv-sync --no-deps --require-hashes -r requirements/postgres.txt
	@touch $@

.venv/bin/uv:
	scripts/venv .venv --require-hashes -r requirements/uv.txt
