"""What the stack starts: Postgres, DynamoDB, and processes of its own."""
