# A thin front to CMake; every target installs what is missing first.
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
CCACHE := $(if $(shell command -v ccache),-DCMAKE_C_COMPILER_LAUNCHER=ccache)

help:
	@echo "make run        install what is missing, build, run the main job on embedded defaults"
	@echo "make test       install what is missing, run all tests"
	@echo "make test-all   the same with the whole number of kills, seeds and failure points"
	@echo "make bench      build and run the benchmarks"
	@echo "make sim        run the simulator over SEEDS (100000) seeds from FROM (1) on"
	@echo "make fuzz       run every fuzz target for SECONDS (60) each"
	@echo "make torture    kill -9 the sink's processes KILLS (1000) times, the broker too; SEED chooses the run"
	@echo "make soak       load and trouble of all kinds for MINUTES (30), then verify --source"
	@echo "make model      check the model of the commit protocol within its large bounds"
	@echo "make format     lay out the code; make check-format checks it"
	@echo "make packages   the jars for Flink and the wheel for Python in build/packages, with all their libraries"
	@echo "make install    install below PREFIX ($(PREFIX))"
	@echo "make clean      remove build/"

build/%/build.ninja: CMakePresets.json
	@cmake --preset $* $(CCACHE) >/dev/null

release: build/release/build.ninja
	@ninja -C build/release -j $(JOBS) --quiet

run:
	@tools/bootstrap.sh build
	@$(MAKE) --no-print-directory release
	@build/release/bin/icesink run --embedded --until-end

test:
	@tools/bootstrap.sh test
	@tools/install_test_tools.sh
	@tools/run_tests.sh

test-all:
	@tools/bootstrap.sh test
	@tools/install_test_tools.sh
	@ICESINK_TEST_ALL=1 tools/run_tests.sh

bench:
	@tools/bootstrap.sh build
	@$(MAKE) --no-print-directory release
	@bench/run.sh
	@build/release/bench/bench_stages presets/health.yaml
	@build/release/bench/bench_parquet

SEEDS ?= 100000
FROM ?= 1
sim:
	@tools/bootstrap.sh build
	@$(MAKE) --no-print-directory build/sim/build.ninja
	@ninja -C build/sim -j $(JOBS) --quiet icesink_sim
	@build/sim/tests/sim/icesink_sim --seeds $(FROM) $(SEEDS) --shrink

SECONDS ?= 60
fuzz:
	@tools/bootstrap.sh fuzz
	@$(MAKE) --no-print-directory build/fuzz/build.ninja
	@ninja -C build/fuzz -j $(JOBS) --quiet
	@fuzz/run.sh $(SECONDS)

KILLS ?= 1000
MINUTES ?= 30
SEED ?= 1
torture soak:
	@tools/bootstrap.sh test
	@tools/install_test_tools.sh
	@$(MAKE) --no-print-directory release
	@KILLS=$(KILLS) MINUTES=$(MINUTES) SEED=$(SEED) ICESINK_BINARY=$(CURDIR)/build/release/bin/icesink \
	    .cache/venv/bin/python -m pytest -q -s -p no:cacheprovider tests/e2e/test_$@.py

model:
	@tools/bootstrap.sh test
	@model/run.sh large

format check-format:
	@tools/install_test_tools.sh
	@tools/format.sh $@

install:
	@tools/bootstrap.sh build
	@$(MAKE) --no-print-directory release
	@cmake --install build/release --prefix $(PREFIX)

packages:
	@tools/bootstrap.sh test
	@tools/install_test_tools.sh
	@$(MAKE) --no-print-directory release
	@bindings/flink/make_jars.sh build/packages
	@.cache/venv/bin/python bindings/python/make_wheel.py build/packages

clean:
	rm -rf build

.PHONY: help release run test test-all bench sim fuzz torture soak model format check-format install packages clean
.DEFAULT_GOAL := help
