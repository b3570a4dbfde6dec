"""The gateway: all that a sandbox can reach. A Temporal front and an egress front, on one unix socket per user."""
