# lab · check · build · grade · test: each makes .venv first if it must. `make PYTHON=python3.12 ...` takes another Python.
PYTHON ?= python3
BIN = .venv/bin
# nbgrader starts `alembic` by its name alone.
FIRST_PATH := $(PATH)
export PATH := $(CURDIR)/$(BIN):$(PATH)
SOURCES = $(wildcard source/week1/*.ipynb)

.PHONY: help lab check build grade test

help:
	@echo "make lab     work through the course in JupyterLab"
	@echo "make check   grade your work in work/week1 with the hidden tests"
	@echo "make test    run all tests"
	@echo "make build   make release/ and notebooks/ from source/"
	@echo "make grade   grade all that is new or changed in submitted/"

# An environment works in the folder it was made in; a folder that was moved gets a new one.
ifneq ($(shell cat .venv/ready 2>/dev/null),$(CURDIR))
.PHONY: .venv/ready
endif

.venv/ready: PATH := $(FIRST_PATH)
.venv/ready: pyproject.toml constraints.txt
	@command -v $(PYTHON) > /dev/null || { echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or say which one to take: make PYTHON=python3.12 lab" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Say which one to take: make PYTHON=python3.11 lab")'
	@$(PYTHON) lab/install.py

lab: .venv/ready
	@$(BIN)/python lab/start.py $(LAB_OPTIONS)

check: .venv/ready
	@$(BIN)/python -m learngpt_teaching.own_work work/week1

build: .venv/ready
	$(BIN)/nbgrader generate_assignment week1 --force
	$(BIN)/nbgrader generate_solution week1 --force

# The gradebook learns what the assignment is when the assignment is generated.
gradebook.db: $(SOURCES) .venv/ready
	$(BIN)/nbgrader generate_assignment week1 --force

grade: gradebook.db
	$(BIN)/python -m learngpt_teaching.grade week1

test: .venv/ready
	$(BIN)/pytest
