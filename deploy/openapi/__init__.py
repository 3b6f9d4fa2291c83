"""The API described in OpenAPI 3.1: generated from the models that the handlers parse with."""
