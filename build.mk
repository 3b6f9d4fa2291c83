# What `sam build` calls for each function (BuildMethod: makefile). It sets ARTIFACTS_DIR.
# Wheels are fetched for the architecture and the Python of template.yaml, on any machine;
# the end-to-end tests build for the host by setting the same variables.
# Paths are absolute, because the builder may call from a folder of its own.
BUILD_ROOT := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
BUILD_ARCHITECTURE ?= aarch64
BUILD_PYTHON ?= 3.13
BUILD_INTERPRETER ?= $(BUILD_ROOT).venv/bin/python

.PHONY: build-FeedRankerFunction build-CreateUploadFunction build-MuxWebhookFunction sizes init-times

build-FeedRankerFunction: FUNCTION := feed_ranker
build-CreateUploadFunction: FUNCTION := create_upload
build-MuxWebhookFunction: FUNCTION := mux_webhook

build-FeedRankerFunction build-CreateUploadFunction build-MuxWebhookFunction:
	$(BUILD_INTERPRETER) -m pip install --quiet --disable-pip-version-check --no-input \
		--require-hashes --only-binary=:all: --no-deps --no-compile \
		--implementation cp --python-version $(BUILD_PYTHON) \
		--platform manylinux2014_$(BUILD_ARCHITECTURE) \
		--platform manylinux_2_28_$(BUILD_ARCHITECTURE) \
		--requirement $(BUILD_ROOT)functions/$(FUNCTION)/requirements.txt --target "$(ARTIFACTS_DIR)"
	cd $(BUILD_ROOT) && $(BUILD_INTERPRETER) -m deploy.artifacts assemble $(FUNCTION) "$(ARTIFACTS_DIR)"

sizes: install  ## List the zips of a build for this machine, with sizes and hashes
	exec $(BIN)/python -m deploy.artifacts sizes

init-times: install  ## Measure each function's init beside a bare one with the same packages
	exec $(BIN)/python -m deploy.artifacts init-times
