"""What starting the program costs, in ms of processor time, beside an interpreter that does nothing.

`harkara --help` loads neither the network nor the store, so that it answers at once; the last row is what an
agency's client loads. The fastest of many starts counts.

    python -m bench.start
"""

from __future__ import annotations

import resource
import subprocess
import sys

STARTS = 15
PROGRAMS = {
    "an interpreter that does nothing": "pass",
    "harkara --help": "import sys; from broker.cli.main import main; sys.argv = ['', '--help']; main()",
    "an agency's client": "from broker.client import Agency",
}


def main() -> None:
    """Measure, and print a table."""
    print(f"{'start':<34} {'ms':>7} {'ratio':>6}")
    costs = {name: min(processor_ms(code) for _ in range(STARTS)) for name, code in PROGRAMS.items()}
    nothing = next(iter(costs.values()))
    for name, cost in costs.items():
        print(f"{name:<34} {cost:>7.0f} {cost / nothing:>5.1f}×")


def processor_ms(code: str) -> float:
    """Give what one start costs."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


if __name__ == "__main__":
    main()
