"""`python -m gradcheck_cli` and the `gradcheck` command."""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # the current folder: a file there must not stand in for what we import


def main() -> None:
    """Run the command line and exit with its code."""
    from gradcheck_cli import shadowing

    shadowing.begin()
    from gradcheck_cli.leaving import leave
    from gradcheck_cli.stopping import stoppable

    leave(stoppable(_run), waits=sys.argv[1:2] == ["run"])


def _run() -> int:
    match sys.argv[1:]:
        case ["explain", name] if not name.startswith("-"):
            return _explain(name)
        case [first, *_] if first.partition("=")[0] == "--python":
            return _elsewhere()
    from gradcheck_cli.cli.app import main as run

    return run()


def _explain(name: str) -> int:
    """Answer at once: the parser of the command line takes as long to import as all the rest."""
    from gradcheck_cli.cli.cards import show
    from gradcheck_cli.cli.edge import code_of
    from gradcheck_cli.cli.streams import settle

    settle()
    return code_of(lambda: show(name))


def _elsewhere() -> int:
    from gradcheck_cli import elsewhere
    from gradcheck_cli.cli.edge import code_of
    from gradcheck_cli.cli.streams import settle

    settle()
    return code_of(lambda: elsewhere.run(*elsewhere.asked(sys.argv[1:])))


if __name__ == "__main__":
    main()
