# lab · check · gpt · build · grade · formgrader · quick · test: each makes .venv first if it must. `make PYTHON=python3.12 ...` takes another Python.
PYTHON ?= python3
BIN = .venv/bin
# nbgrader starts `alembic` by its name alone.
FIRST_PATH := $(PATH)
export PATH := $(CURDIR)/$(BIN):$(PATH)
# The assignment to build and to grade: the last one in source/, unless another one is asked for, make ASSIGNMENT=...
ASSIGNMENT ?= $(notdir $(lastword $(sort $(wildcard source/*))))
SOURCES = $(wildcard source/$(ASSIGNMENT)/*.ipynb)

.PHONY: help lab check gpt build grade formgrader quick test

help:
	@echo "make lab     work through the course in JupyterLab; make lab LANGUAGE=ko in Korean, from then on"
	@echo "make check   grade your work in work/$(ASSIGNMENT) with the hidden tests; make check NOTEBOOK=4 grades one"
	@echo "make gpt     train the GPT of your classes on a text of yours: make gpt TEXT=my.txt"
	@echo "make quick   run the tests that take no browser, no sandbox and no fresh environment"
	@echo "make test    run all tests"
	@echo "make build   make release/ and notebooks/ from source/"
	@echo "make grade   grade all that is new or changed in submitted/"
	@echo "make formgrader  look at submissions and marks, in JupyterLab"

# An environment works in the folder it was made in; a folder that was moved gets a new one.
ifneq ($(shell cat .venv/ready 2>/dev/null),$(CURDIR))
.PHONY: .venv/ready
endif

.venv/ready: PATH := $(FIRST_PATH)
.venv/ready: pyproject.toml constraints.txt
	@command -v $(PYTHON) > /dev/null || { echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or say which one to take: make PYTHON=python3.12 lab" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Say which one to take: make PYTHON=python3.11 lab")'
	@$(PYTHON) lab/install.py $(SPEAK)

# What tests need besides.
.venv/tested: .venv/ready
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@

# Not from the environment, where the system keeps another list under this name.
ifeq ($(origin LANGUAGE),command line)
SPEAK = --language=$(LANGUAGE)
endif

lab: .venv/ready
	@$(BIN)/python lab/start.py $(SPEAK) $(LAB_OPTIONS)

check: .venv/ready
	@$(BIN)/python -P -m learngpt_teaching.own_work work/$(ASSIGNMENT) --notebook '$(NOTEBOOK)'

gpt: .venv/ready
	@test -n '$(TEXT)' || { echo "Say which text, a file of your own: make gpt TEXT=my.txt" >&2; exit 1; }
	@$(BIN)/python -P -m learngpt.$(ASSIGNMENT).own_text '$(TEXT)' --notebooks work/$(ASSIGNMENT)

build: .venv/ready
	$(BIN)/python -P -m learngpt_teaching.building $(ASSIGNMENT) $(if $(EXECUTE),--execute)

# The gradebook learns what the assignment is when it is built.
gradebook.db: $(SOURCES) .venv/ready
	$(BIN)/python -P -m learngpt_teaching.building $(ASSIGNMENT)

grade: gradebook.db
	$(BIN)/python -P -m learngpt_teaching.grade $(ASSIGNMENT)

formgrader: gradebook.db
	@$(BIN)/python lab/formgrader.py $(LAB_OPTIONS)

# Tests run on all processors, each process with one thread: models this small are slower with two.
quick test: export OMP_NUM_THREADS = 1
PYTEST = $(BIN)/pytest --numprocesses logical --no-loadscope-reorder

quick: .venv/tested
	$(PYTEST) -m "not slow" tests

test: .venv/tested
	$(PYTEST)
