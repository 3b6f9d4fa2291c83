"""What the functions share: pure ranking modules, adapters to Postgres, DynamoDB and HTTP."""
