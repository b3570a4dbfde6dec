"""Opens or re-encrypts a key store, and kills itself with SIGKILL at the n-th step of its writing.

`python -m tests.hermes.killed_keystore FOLDER KEYS STEP`: KEYS is JSON of version to hex; a step is the moment before
or after a call that changes something. Ends by itself with status 0 where there are fewer steps.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from coco.keys import UserKeys


def main() -> None:
    folder, keys, step = Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
    counted = 0

    def killing(call: Callable[..., Any]) -> Callable[..., Any]:
        def before_and_after(*args: Any, **kwargs: Any) -> Any:
            nonlocal counted
            counted += 1
            if counted == step:
                os.kill(os.getpid(), signal.SIGKILL)
            result = call(*args, **kwargs)
            counted += 1
            if counted == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return before_and_after

    import tempfile

    from cryptography.fernet import MultiFernet

    from workers.keystore import KeyStore

    # Each credential's re-encryption, the file's making, writing, syncing, putting in its place, and the folder's sync.
    MultiFernet.rotate = killing(MultiFernet.rotate)  # type: ignore[method-assign]
    tempfile.mkstemp = killing(tempfile.mkstemp)
    json.dump = killing(json.dump)
    os.fsync = killing(os.fsync)
    os.replace = killing(os.replace)
    KeyStore.open(folder, UserKeys({int(version): bytes.fromhex(key) for version, key in keys.items()}))


if __name__ == "__main__":
    main()
