"""Runs inside a user's sandbox, in place of Hermes: `python -c <this> CASES`. Sends each message to the gateway as
it is told and prints what came back. Uses only what is in the sandbox.
"""

import json
import sys

import grpc


def main() -> None:
    cases = json.loads(sys.argv[1])
    with open("/run/coco/token") as file:
        token = file.read().strip()
    channel = grpc.insecure_channel("unix:/run/coco/gateway.sock")
    for case in cases:
        call = channel.unary_unary(f"/coco.gateway.v1.Gateway/{case['method']}")
        metadata = (("authorization", f"Bearer {case.get('token', token)}"),)
        try:
            reply = call(json.dumps(case["message"]).encode(), metadata=metadata, timeout=20)
            print(json.dumps({"name": case["name"], "reply": json.loads(reply)}))
        except grpc.RpcError as error:
            code = dict(error.trailing_metadata() or ()).get("coco-code", "")
            print(json.dumps({"name": case["name"], "refused": error.code().name, "code": code}))


main()
