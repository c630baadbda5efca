# A thin door to meson, ninja and tools/. Another compiler: make CC=clang BUILD=build-clang

BUILD ?= build

.DEFAULT_GOAL := all
.NOTPARALLEL:
unexport MAKEFLAGS MFLAGS MAKELEVEL
.PHONY: all setup demo pythons test test-long bench lint format install clean

all: setup $(BUILD)/build.ninja
	@ninja -C $(BUILD)

setup:
	@tools/setup build

$(BUILD)/build.ninja:
	@meson setup $(BUILD) $(MESON_OPTIONS)

demo: all
	@tools/setup demo
	@tools/demo

pythons:
	@tools/setup test
	@tools/pythons

test: pythons all
	@tools/run-tests

test-long: pythons all
	@tools/run-tests --long

bench: pythons all
	@bench/run

lint: pythons all
	@tools/lint $(BUILD)

format:
	@clang-format -i $$(tools/lint --files)

clean:
	rm -rf $(BUILD)
