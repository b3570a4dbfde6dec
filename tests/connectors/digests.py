"""The digest of every example's request and action. Run as a module, it prints them for another process to compare."""

from __future__ import annotations

import json

from activities.connectors.base import GatedOperation
from tests.connectors.conformance import case_id, cases


def digests() -> dict[str, str]:
    found = {}
    for case in cases():
        for index, example in enumerate(case.examples):
            key = f"{case_id(case)}-{index}"
            found[key] = case.request(example.arguments).digest()
            if isinstance(case.operation, GatedOperation):
                action = case.operation.build(case.connection, example.arguments, example.prior)
                found[f"{key}-action"] = action.digest()
    return found


if __name__ == "__main__":
    print(json.dumps(digests()))
