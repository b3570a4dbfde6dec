"""The internal app: health, backlog, sandboxes, metrics. On a port of its own, never mounted on the public one."""
