"""`python -m gradcheck_cli` and the `gradcheck` command."""

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from gradcheck_cli.cli.app import main as run

    sys.exit(run())


if __name__ == "__main__":
    main()
