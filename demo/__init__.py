"""The demo workspace: a CRM with HubSpot's v3 paths and a mail server, outside Coco and knowing nothing of it."""
