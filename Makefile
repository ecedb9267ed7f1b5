VENV := .venv
BIN := $(VENV)/bin
DEMO := build/demo

.PHONY: demo test test-fast lock bench demos

demo: $(VENV)/installed  ## generate the default project and serve it
	rm -rf $(DEMO)
	$(BIN)/cookiecutter . --no-input --output-dir $(DEMO)
	python3 -m venv $(DEMO)/venv
	$(DEMO)/venv/bin/pip install --quiet -r $(DEMO)/*/requirements.txt
	cd $(DEMO)/*/ && ../venv/bin/python app.py

test: $(VENV)/installed  ## the whole suite
	$(BIN)/pytest

test-fast: $(VENV)/installed  ## what needs no install, build or browser
	$(BIN)/pytest -m "not slow"

lock: $(VENV)/installed  ## refresh the locked requirements and their sizes
	$(BIN)/uv run scripts/lock.py

demos: $(VENV)/installed  ## train the demo models again
	$(BIN)/uv run scripts/train_demos.py

bench: $(VENV)/installed  ## print the figures that the README quotes
	$(BIN)/python scripts/bench.py

$(VENV)/installed: pyproject.toml
	python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet . --group dev
	touch $@
