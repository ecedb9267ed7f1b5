VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
# A process for each core; the tests of a file share what they generate and install.
PYTEST := $(BIN)/pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: help demo web space web-zips test test-every test-fast typecheck wheel lock runtimes demos bench one-request boot faults \
	agents ray canary packages recognise verify-footprint zoo architectures networks pictures rehearse parity vendor

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-17s %s\n", $$1, $$2}' Makefile

demo:  ## generate the default project and serve it
	$(PYTHON) scripts/demo.py

web:  ## serve the questions as a form in a browser
	$(PYTHON) scripts/web.py

space:  ## the form as a Space, in build/space, from the last commit
	rm -rf build/space && mkdir -p build/space
	git archive HEAD | tar -x -C build/space
	cp web/space/* build/space

web-zips: $(VENV)/installed  ## compare the form's zip with the command's project, for each combination
	$(BIN)/python -m scripts.web_zips

test: typecheck  ## each promise once, with a sample of the frameworks and versions, and coverage
	$(PYTEST) --cov

test-every: typecheck  ## every test, with all frameworks, versions, platforms and screens (an hour)
	$(PYTEST) --every

test-fast: $(VENV)/installed  ## tests that install, build and serve nothing
	$(PYTEST) -m "not slow"

typecheck: $(VENV)/installed  ## mypy, strict for the package
	$(BIN)/mypy

wheel: $(VENV)/installed  ## build the package ml-ui
	$(BIN)/hatchling build -t wheel

lock: $(VENV)/installed  ## refresh the locked requirements and sizes, of ONLY=... or all
	$(BIN)/uv run scripts/lock.py $(if $(ONLY),--only $(ONLY))

runtimes: $(VENV)/installed  ## measure the memory and load time of model formats, ONLY=... or all
	$(BIN)/python -m scripts.runtimes $(ONLY)

demos: $(VENV)/installed  ## retrain the demo models, of ONLY=... (tasks, frameworks) or all
	$(BIN)/uv run scripts/train_demos.py $(ONLY)

bench: $(VENV)/installed  ## time the generation of a project, and count the combinations
	$(BIN)/python -m scripts.bench

one-request: $(VENV)/installed  ## time POST /predict beside plain Gradio and a bare FastAPI app
	$(BIN)/python -m scripts.one_request

boot: $(VENV)/installed  ## compare a container's boot time with the usual Dockerfile's
	$(BIN)/python -m scripts.boot

faults: $(VENV)/installed  ## inject every fault into a plain app, ours, ours as on a Space, and LitServe
	$(BIN)/python -m scripts.faults

ray: $(VENV)/installed  ## platform ray on a cluster of two nodes: losses, throughput, overhead; ONLY=lost a part
	$(BIN)/python -m scripts.ray_bench $(ONLY)

canary: $(VENV)/installed  ## the guards against the newest Gradio; which fixes it still needs
	$(BIN)/python -m scripts.canary

packages: $(VENV)/installed  ## serve the models that packages on the index carry, and ask them
	$(BIN)/python -m scripts.zoo packages --serve

recognise: $(VENV)/installed  ## time and memory of recognising huge, damaged and hostile files
	$(BIN)/python -m scripts.recognise $(ONLY)

zoo: $(VENV)/installed  ## ask projects of many real model files, and compare with their libraries
	$(BIN)/python -m scripts.zoo $(ONLY)

agents: $(VENV)/installed  ## have programs make projects from the schema and the refusals alone
	$(BIN)/python -m scripts.agents

rehearse: $(VENV)/installed  ## run the deploy workflows against stand-ins of their hosts, ONLY=... or all
	$(BIN)/python -m scripts.rehearse $(ONLY)

verify-footprint: $(VENV)/installed  ## build and boot projects, and compare with preflight
	$(BIN)/python -m scripts.verify_footprint

architectures: $(VENV)/installed  ## memory and slug of real architectures, predicted and measured
	$(BIN)/python -m scripts.architectures $(ONLY)

vendor: $(VENV)/installed  ## renew what the page without a server takes from npm: its ONNX runtime, its WebP decoder
	$(BIN)/python scripts/vendor.py

parity: $(VENV)/installed  ## answers of the page without a server against the app's, for demos and the zoo's ONNX files
	$(BIN)/python -m scripts.parity $(ONLY)

networks: $(VENV)/installed  ## refresh the digests by which torchvision's weights are recognised
	$(BIN)/uv run scripts/networks.py

pictures: $(VENV)/installed  ## make the pictures of the docs, of ONLY=terminal, pages or site, else all
	$(BIN)/python -m scripts.pictures $(ONLY)

$(VENV)/installed: pyproject.toml
	@test ! -L $(VENV) || { echo "$(VENV) is a link: it is not mine to replace"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --group dev
	touch $@
