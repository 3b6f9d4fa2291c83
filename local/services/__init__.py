"""The services that the stack starts, which are Postgres, DynamoDB and its own processes."""
