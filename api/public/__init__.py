"""The public app: the inbox, the REST API and the live feed."""
