"""`python -m pipeline STAGE`: run one stage of dvc.yaml, in the repository's root, and record its outputs."""

import sys

from peewee_model.entry import run


def main(arguments: list[str]) -> int:
    """Run the stage that is named, and return its exit code."""
    from pipeline.commands.stage import main as run_stage

    return run_stage(arguments)


if __name__ == "__main__":
    run(sys.argv[1] if len(sys.argv) == 2 else "pipeline", lambda: main(sys.argv[1:]))
