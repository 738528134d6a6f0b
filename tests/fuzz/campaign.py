"""`make fuzz`: every target, as many at a time as there are processors, each for its share of the time. Ends
with 1 when one found something.

    python -m tests.fuzz.campaign --seconds 600 [--target bulletin] [--keep DIRECTORY]

What was found lies in `build/fuzz/` and is told with the command that shows it again. With `--keep`, inputs
that reached new code are kept there and are where the next run begins.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import click

from tests.fuzz.targets import TARGETS

FOUND = Path("build") / "fuzz"
SLOW_SECONDS = 10
"""An input that takes longer is a hang."""
MEMORY_MB = 2_048
LONGEST_BYTES = 65_536


def fuzz(name: str, corpus: Path, *, seconds: int, seed: int) -> tuple[int, str]:
    """Fuzz a target for so many seconds. Gives the exit code and what libFuzzer said."""
    corpus.mkdir(parents=True, exist_ok=True)
    for number, example in enumerate(TARGETS[name].seeds):
        (corpus / f"seed-{number}").write_bytes(example)
    options = [
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        f"-timeout={SLOW_SECONDS}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-max_len={LONGEST_BYTES}",
        f"-artifact_prefix={FOUND}/{name}-",
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.one", name, str(corpus), *options],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=seconds + 120,
    )
    return done.returncode, done.stdout + done.stderr


def told(name: str, code: int, output: str) -> str:
    """Give one line on a run, and the end of what it said when something was found or it did not run."""
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", output)
    reached = re.findall(r"cov: (\d+)", output)
    line = f"{name:18} {runs[1] if runs else '?':>9} inputs, {reached[-1] if reached else '?':>5} branches"
    if code == 0:
        return line
    why = f"found something, see {FOUND}/{name}-*" if reached else "did not run"
    return f"{line}\n{output[-6000:]}\n{name}: {why}"


@click.command()
@click.option("--seconds", default=300, show_default=True, help="For all targets together.")
@click.option("--target", "names", multiple=True, type=click.Choice(sorted(TARGETS)), help="These alone.")
@click.option("--keep", type=click.Path(path_type=Path), help="Where inputs are kept from run to run.")
@click.option("--seed", default=0, help="The same inputs again, about; 0: other ones each time.")
def run(seconds: int, names: tuple[str, ...], keep: Path | None, seed: int) -> None:
    """Fuzz the decoders."""
    if importlib.util.find_spec("atheris") is None:
        raise click.ClickException(
            "fuzzing needs atheris, which there is for CPython 3.11-3.13 on Linux x86-64"
        )
    chosen = names or tuple(TARGETS)
    at_once = os.cpu_count() or 1
    share = max(1, seconds * at_once // len(chosen))
    FOUND.mkdir(parents=True, exist_ok=True)
    codes: list[int] = []
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(at_once) as turns:
        corpora = [(keep or Path(temporary)) / name for name in chosen]
        done = turns.map(partial(fuzz, seconds=share, seed=seed), chosen, corpora)
        for name, (code, output) in zip(chosen, done, strict=True):
            codes.append(code)
            click.echo(told(name, code, output))
    sys.exit(1 if any(codes) else 0)


if __name__ == "__main__":
    run()
