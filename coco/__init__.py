"""The domain of Coco, pure: no I/O, no database, no Temporal. Imports none of the other packages."""
