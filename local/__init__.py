"""The local stack: everything that production gets from AWS, Mux and a Postgres server."""
