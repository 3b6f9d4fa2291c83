"""What pages and the events about them write: WAL, growth of tables and updates of rows."""
