"""Records the golden histories anew: `python -m tests.workflows.record [flow ...]`.

Do so where a change of the workflow is meant to give other commands, and only once no journey of the old code is left
in flight (or the change is behind `workflow.patched`).
"""

import asyncio
import json
import sys
from pathlib import Path

from temporalio.client import WorkflowHistory

from tests.workflows.flows import GOLDEN, course

HISTORIES = Path(__file__).parent / "histories"


def load(file: Path) -> WorkflowHistory:
    """A recorded run; the file is what `temporal workflow show --output json` gives."""
    return WorkflowHistory.from_json("journey:banco:C-77001:1", file.read_text(encoding="utf-8"))


async def record(flow: str) -> list[Path]:
    """Run a flow and keep the history of each run in a file of its own; returns the files."""
    for file in HISTORIES.glob(f"{flow}-*.json"):
        file.unlink()
    files: list[Path] = []
    for number, history in enumerate(await course(GOLDEN[flow]), 1):
        files.append(HISTORIES / f"{flow}-{number}.json")
        compact = json.dumps(json.loads(history.to_json()), separators=(",", ":"))
        files[-1].write_text(compact + "\n", encoding="utf-8")
    return files


async def _record_all(flows: list[str]) -> None:
    for flow in flows:
        for file in await record(flow):
            sys.stdout.write(f"{file.name}: {file.stat().st_size} bytes\n")
    await asyncio.sleep(0.3)  # the SDK's threads may otherwise abort the process as it ends


if __name__ == "__main__":
    asyncio.run(_record_all(sys.argv[1:] or list(GOLDEN)))
