"""What viewers report: impressions, watches and feedback."""
