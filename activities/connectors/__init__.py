"""Connectors: pure request builders and fact mappers, with a manifest each."""
