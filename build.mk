# What `sam build` calls for each function (BuildMethod: makefile). It sets ARTIFACTS_DIR.
# Wheels are fetched for the architecture and the Python of template.yaml, on any machine;
# the end-to-end tests build for the host by setting the same variables.
# Paths are absolute, because the builder may call from a folder of its own.
BUILD_ROOT := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
BUILD_ARCHITECTURE ?= aarch64
BUILD_PYTHON ?= 3.13
BUILD_PIP ?= $(BUILD_ROOT).venv/bin/pip

.PHONY: build-FeedRankerFunction build-CreateUploadFunction build-MuxWebhookFunction

build-FeedRankerFunction: FUNCTION := feed_ranker
build-CreateUploadFunction: FUNCTION := create_upload
build-MuxWebhookFunction: FUNCTION := mux_webhook

build-FeedRankerFunction build-CreateUploadFunction build-MuxWebhookFunction:
	$(BUILD_PIP) install --quiet --disable-pip-version-check --require-hashes --only-binary=:all: \
		--no-deps --no-compile --implementation cp --python-version $(BUILD_PYTHON) \
		--platform manylinux2014_$(BUILD_ARCHITECTURE) \
		--platform manylinux_2_28_$(BUILD_ARCHITECTURE) \
		--requirement $(BUILD_ROOT)functions/$(FUNCTION)/requirements.txt --target "$(ARTIFACTS_DIR)"
	mkdir -p "$(ARTIFACTS_DIR)/functions"
	cp $(BUILD_ROOT)functions/__init__.py "$(ARTIFACTS_DIR)/functions/"
	cp -R $(BUILD_ROOT)functions/$(FUNCTION) "$(ARTIFACTS_DIR)/functions/"
	cp -R $(BUILD_ROOT)shared "$(ARTIFACTS_DIR)/"
	find "$(ARTIFACTS_DIR)/functions" "$(ARTIFACTS_DIR)/shared" \
		-name __pycache__ -prune -exec rm -rf {} +
