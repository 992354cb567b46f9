# SPDX-License-Identifier: Apache-2.0
# `make` lists what there is to make.
.DEFAULT_GOAL := help
.PHONY: help run test check lint bench words pictures package clean

BIN := .venv/bin
SAMPLE := out/sample.koc
KOC := $(BIN)/koc --workspace $(SAMPLE)
# Without a screen Qt says of every window that it has no manager to hint to: that is told only if something fails.
DRAW := QT_QPA_PLATFORM=offscreen $(BIN)/koc-desk $(SAMPLE) --pictures out $(WHOLE) 2>out/drawing.log || { cat out/drawing.log; exit 1; }

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: ## open the sample brand; without a display, draw every page into out/
	@.ci/prepare run
	@$(MAKE) --no-print-directory $(SAMPLE)
	@echo "== What is in it" && $(KOC) info
	@echo "== Tiers" && $(KOC) tier run
	@echo "== The largest" && $(KOC) creators --sort=-followers --limit 10
	@echo "== Credit" && $(KOC) credit run
	@echo "== What came back" && $(KOC) roi --top 5
	@echo "== Files taken in" && $(KOC) imports
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname -s)" = Darwin ]; then \
		echo "== Opening the window" && $(BIN)/koc-desk $(SAMPLE); \
	else \
		echo "== No display: drawing the pages into out/"; \
		$(DRAW); ls out/*.png; \
	fi

$(SAMPLE): app/sample.py app/sample_facts.py $(wildcard db/migrations/versions/*.py)
	@mkdir -p out && rm -rf $(SAMPLE) $(SAMPLE)-wal $(SAMPLE)-shm
	@$(KOC) init --sample

test: ## lint, types, floors and every test
	@.ci/prepare test
	@$(MAKE) --no-print-directory lint
	$(BIN)/pytest -q -n 2 --dist loadfile

check: test ## the same

lint: ## what needs no test: ruff, mypy, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: ## the benchmarks, with the ratio to floor and goal beside each figure
	@.ci/prepare test
	$(BIN)/python -m benchmarks

words: ## compile the catalogues of both languages
	@.ci/prepare test
	@for language in zh_CN en; do \
		$(BIN)/pybabel compile -i resources/i18n/$$language.po -o resources/i18n/$$language.mo -l $$language; \
	done

pictures: ## draw the pictures of README and guide anew; with WHOLE=--whole every page, dialog, tab, look and size into out/
	@.ci/prepare run
	@$(MAKE) --no-print-directory $(SAMPLE)
	@export LOGNAME=desk; $(DRAW)
	cp out/creators-zh_CN-light.png docs/creators.zh.png
	cp out/creators-en-dark.png docs/creators.en.png
	$(BIN)/python .ci/shrink out docs/pictures

package: ## one folder that needs no Python, in dist/koc-desk, built and tried
	@.ci/prepare package
	$(BIN)/uv run --isolated --frozen --no-dev --group package pyinstaller --noconfirm --workpath build/package --distpath dist .ci/koc-desk.spec
	.ci/smoke dist/koc-desk

clean: ## remove what was made
	rm -rf out build dist .coverage .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
