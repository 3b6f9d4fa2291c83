"""What a session was served and will be served: the ledger in Postgres, the cache in DynamoDB."""
