"""What the README asks of curl, for machines without it: `curl -sS --fail -H HEADER --data-binary @FILE URL`.

Only http to this machine. An option that it does not know is an error, so that no example passes by being
ignored. Exit codes are curl's: 2 usage, 7 no connection, 22 refused.
"""

from __future__ import annotations

import argparse
import sys
import urllib.error
import urllib.request
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(prog="curl", allow_abbrev=False)
    parser.add_argument("-sS", action="store_true")
    parser.add_argument("--fail", action="store_true", required=True)
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("--data-binary", metavar="@FILE")
    parser.add_argument("url")
    asked = parser.parse_args()
    if not asked.url.startswith("http://127.0.0.1:"):
        parser.error("only http to this machine")
    body = Path(asked.data_binary.removeprefix("@")).read_bytes() if asked.data_binary else None
    headers = dict(header.split(": ", 1) for header in asked.headers)
    # S310: the scheme is checked above.
    request = urllib.request.Request(asked.url, body, headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            sys.stdout.write(answer.read().decode())
    except urllib.error.HTTPError as refused:
        sys.stderr.write(f"curl: (22) {refused}\n")
        return 22
    except urllib.error.URLError as unreachable:
        sys.stderr.write(f"curl: (7) {unreachable.reason}\n")
        return 7
    return 0


if __name__ == "__main__":
    sys.exit(main())
