# lab · check · build · grade · test: each makes .venv first if it must. `make PYTHON=python3.12 ...` takes another Python.
PYTHON ?= python3
BIN = .venv/bin
# nbgrader starts `alembic` by its name alone.
export PATH := $(CURDIR)/$(BIN):$(PATH)
SOURCES = $(wildcard source/week1/*.ipynb)

.PHONY: help lab check build grade test

help:
	@echo "make lab     work through the course in JupyterLab"
	@echo "make check   grade your work in work/week1 with the hidden tests"
	@echo "make test    run all tests"
	@echo "make build   make release/ and notebooks/ from source/"
	@echo "make grade   grade all that is new or changed in submitted/"

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Say which one to take: make PYTHON=python3.11 lab")'
	@echo "Making .venv. This takes a few minutes, once."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@# JupyterLab would begin with a question about news.
	@$(BIN)/jupyter labextension disable @jupyterlab/apputils-extension:announcements > .venv/news.log 2>&1
	@touch $@

# Copies what is missing, and never overwrites: what lies in work/ is the learner's.
work: .venv/ready
	@mkdir -p work/week1
	@for notebook in release/week1/*.ipynb; do \
		test -e "work/week1/$${notebook##*/}" || cp "$$notebook" work/week1/; \
	done
.PHONY: work

lab: work
	$(BIN)/jupyter lab --ServerApp.root_dir='$(CURDIR)' --ServerApp.preferred_dir='$(CURDIR)/work/week1' \
		--LabApp.news_url=None --LabApp.default_url=/lab/tree/work/week1/1-bigram.ipynb $(LAB_OPTIONS)

check: .venv/ready
	@$(BIN)/python -m learngpt.grading work/week1

build: .venv/ready
	$(BIN)/nbgrader generate_assignment week1 --force
	$(BIN)/nbgrader generate_solution week1 --force

# The gradebook learns what the assignment is when the assignment is generated.
gradebook.db: $(SOURCES) .venv/ready
	$(BIN)/nbgrader generate_assignment week1 --force

grade: gradebook.db
	$(BIN)/python -m learngpt.grader week1

test: .venv/ready
	$(BIN)/pytest
