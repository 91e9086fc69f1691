# The kit's commands. The first use of any of them makes the environment in .venv.
#
#   make run                 run every tutorial; LANGUAGE=ko TUTORIAL=01_redis narrow it
#   make lab                 open JupyterLab on the tutorials
#   make test                run everything that CI runs
#   make release-check       refuse what is not translated yet, which make test does not
#   make notebooks           bring the catalogs and the notebooks up to date with their source
#   make screenshots         take the README's pictures of the widgets, in a real browser
#   make benchmark           measure the histories beside their peers
#   make lock                lock the newest releases that the ranges in pyproject.toml admit
#   make colab-freeze        fetch the list of what Colab's runtime has today, which tests/project/test_colab.py installs upon
#   make repository SLUG=owner/name    say where this repository is: badges, install lines and links follow
#   make clean               remove what these commands made

PYTHON ?= python3
LANGUAGE ?=
TUTORIAL ?=
SLUG ?=

BIN := .venv/bin
# Written last, so an environment that was not finished is never taken for one.
READY := .venv/ready

.PHONY: run lab test release-check notebooks screenshots benchmark lock colab-freeze repository clean
.DELETE_ON_ERROR:

run: $(READY)
	@$(BIN)/python -m tools run --language "$(LANGUAGE)" --tutorial "$(TUTORIAL)"

lab: $(READY)
	@$(BIN)/python -m tools lab

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m tools check --awaiting-translation-ok
	$(BIN)/pytest --numprocesses auto --maxprocesses 4

release-check: $(READY)
	$(BIN)/python -m tools check

notebooks: $(READY)
	$(BIN)/python -m tools extract
	$(BIN)/python -m tools build

screenshots: $(READY)
	rm -rf build/screenshots
	$(BIN)/pytest --quiet tests/widgets/test_browser.py -k tutorial_live
	cp build/screenshots/chat_panel-en.png build/screenshots/session_explorer-en.png docs/

benchmark: $(READY)
	@$(BIN)/python -m benchmarks.history

lock: $(READY)
	echo "-e .[dev]" | $(BIN)/uv pip compile --quiet --universal --upgrade --no-emit-index-url \
	  --custom-compile-command "make lock" --output-file requirements.txt -

colab-freeze: $(READY)
	@$(BIN)/python tests/support/colab_freeze.py

# From the environment, so that whatever stands there reaches the check and no shell.
repository: export SLUG := $(SLUG)
repository: $(READY)
	@$(BIN)/python -m tools repository set "$$SLUG"

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("This kit needs Python 3.11 or newer; $(PYTHON) is %d.%d. Name a newer one: make PYTHON=python3.12" % v[:2])'
	@test -e $@ || $(PYTHON) -m venv --clear .venv
	@echo "Installing into .venv: this takes a minute the first time."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@touch $@

clean:
	rm -rf .venv build .mypy_cache .pytest_cache .ruff_cache
