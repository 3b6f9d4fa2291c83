"""The description of the API in OpenAPI 3.1, made from the models that the handlers parse with."""
