# make demo   sets everything up and analyses the FeatherFace baseline into reports/
# make test   sets everything up and runs every check
# make faces  makes a small set of faces, trains FeatherFace V2 on it for some minutes and evaluates it, in build/faces
# make docs   builds the documentation site into build/site; a warning is an error
# make bench  measures archscope itself against torch and the other counters
PYTHON ?= python3
VENV ?= .venv
PYTEST_ARGS ?=

bin := $(VENV)/bin
# setuptools warns at every editable installation that it is one.
pip := PYTHONWARNINGS='ignore:Editable installation' $(bin)/python -m pip --disable-pip-version-check
# What an installation depends on; a change of any of these installs anew.
recipe := setup.cfg pyproject.toml constraints.txt
sources := $(shell find archscope models templates -type f -not -name '*.pyc')

.PHONY: demo docs faces test lint types floors pytest gates bench

demo: $(VENV)/.installed
	$(bin)/archscope analyze featherface-baseline

faces: $(VENV)/.installed-test
	rm -rf build/faces
	$(bin)/archscope faces make build/faces/data
	$(bin)/archscope train v2 --data build/faces/data --out build/faces/v2 --epochs 10 --batch 16 --size 128 --rate 4e-3 --schedule cosine
	$(bin)/archscope evaluate v2 --weights build/faces/v2/weights.pt --data build/faces/data --png build/faces/v2.png

docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(bin)/python -m mkdocs build --strict --quiet

test: lint types floors pytest gates

lint: $(VENV)/.installed-test
	$(bin)/ruff check .
	$(bin)/ruff format --check .

# Types and floors are checked where archscope.models is a folder of archscope: in the installed wheel.
types: build/.wheel
	cd build/installed && $(abspath $(bin))/mypy --config-file $(CURDIR)/pyproject.toml --cache-dir $(CURDIR)/.mypy_cache -p archscope

floors: build/.wheel
	cd build/installed && $(abspath $(bin))/lint-imports --config $(CURDIR)/pyproject.toml --cache-dir $(CURDIR)/.import_linter_cache

pytest: $(VENV)/.installed-test
	$(bin)/python -m pytest --numprocesses 2 --dist loadfile $(PYTEST_ARGS)

# What this repository holds itself to, by its own tool.
gates: $(VENV)/.installed-test
	$(bin)/archscope check
	$(bin)/archscope report --check

bench: $(VENV)/.installed-test
	for script in benchmarks/bench_*.py; do $(bin)/python "$$script" || exit 1; done

$(bin)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "archscope needs Python 3.11 or newer: make PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# setuptools comes first, so that building needs no environment of its own (and works offline once it is there).
$(VENV)/.installed: $(recipe) | $(bin)/python
	$(pip) install --quiet --constraint constraints.txt setuptools wheel
	$(pip) install --quiet --constraint constraints.txt --no-build-isolation --editable .
	touch $@

$(VENV)/.installed-docs: $(recipe) | $(bin)/python
	$(pip) install --quiet --constraint constraints.txt setuptools wheel
	$(pip) install --quiet --constraint constraints.txt --no-build-isolation --editable '.[docs]'
	touch $@ $(VENV)/.installed

$(VENV)/.installed-test: $(recipe) | $(bin)/python
	$(pip) install --quiet --constraint constraints.txt setuptools wheel
	$(pip) install --quiet --constraint constraints.txt --no-build-isolation --editable '.[test]'
	touch $@ $(VENV)/.installed $(VENV)/.installed-docs

# Built from a copy, because setuptools would take leftovers of earlier builds along.
build/.wheel: $(sources) $(recipe) README.md LICENSE | $(VENV)/.installed-test
	rm -rf build/source build/installed
	mkdir -p build/source
	cp -R archscope models templates setup.cfg pyproject.toml README.md LICENSE build/source
	$(pip) install --quiet --no-deps --no-index --no-build-isolation --target build/installed ./build/source
	touch $@
