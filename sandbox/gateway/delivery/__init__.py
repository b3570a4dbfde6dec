"""Carrying one exact request to a provider, and saying for certain what is known of it afterwards."""
