"""API Gateway, its authorizer, Lambda's containers and schedules, for local use."""
