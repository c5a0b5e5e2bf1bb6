"""The one command: reads `.env`, finds the command's module, and turns a refusal into one sentence."""

import argparse
import gc
import os
import signal
import sys
import time
from importlib import import_module

from app.cli import dotenv
from app.core.errors import CarillonError
from app.settings import ROOT, SettingError

COMMANDS = {
    "up": "start everything on this machine: web, clock, workers and, if none is given, Valkey",
    "web": "start the web server alone",
    "clock": "start the clock alone",
    "worker": "start one worker alone",
    "restart": "replace the processes of a running `up` one by one, after an upgrade",
    "watchdog": "start the watchdog alone: it says what should have happened and has not; --test tries its channels",
    "migrate": "bring the database to this version",
    "schedules": "say when a rule runs: its next times, as JSON",
    "forecast": "say how well estimates would have held on a log of past runs",
    "threads": "say what a conversation with an AI agent asks for: its parts, as JSON",
    "templates": "bring a template of a team into a file, or one from a file into a team",
    "users": "list the people, or make a link that signs somebody in",
    "doctor": "look at everything Carillon needs, and say what is wrong",
    "probe": "say whether the web server, a clock or a worker of this host lives",
    "backup": "make a backup while everything runs",
    "restore": "bring a backup back, into a paused state",
    "insights": "count runs anew for the answers of Insights",
    "verify": "compare what was planned with what is on record",
    "audit": "walk the sealed audit, and name the first entry that was changed",
    "test": "run the tests",
    "bench": "measure lateness, throughput, memory and pages on this machine",
    "check": "run linters, types and the rules of the house",
}
"""Each is a module of this package with `arguments(parser)` and `run(args) -> exit code`."""


def main(argv: list[str] | None = None) -> int:
    """Carry out one command and return its exit code."""
    given = _parser().parse_args(argv)
    if given.command not in COMMANDS:
        _parser().error(f"there is no command “{given.command}”; see carillon --help")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        dotenv.load(ROOT / ".env")
        gc.disable()  # what is imported stays: looking through it again and again is a fifth of a start
        command = import_module(f"app.cli.{given.command}")
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        gc.enable()
        parser = argparse.ArgumentParser(
            prog=f"carillon {given.command}",
            description=command.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.arguments(parser)
        # Where all words are handed over, the first may be an option of somebody else.
        is_handed_over = getattr(command, "HANDS_OVER", False) and given.rest[:1] not in (["-h"], ["--help"])
        args = argparse.Namespace(words=given.rest) if is_handed_over else parser.parse_args(given.rest)
        code: int = command.run(args)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads what is printed has read enough: `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter fails at its end
        return 128 + signal.SIGPIPE
    except (SettingError, CarillonError) as refusal:
        print(f"carillon: {refusal}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS)) + 2
    listed = "\n".join(f"  {name:{width}}{what}" for name, what in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="carillon",
        usage="carillon COMMAND …",
        description="Carillon: scheduled work that can be trusted.",
        epilog=f"commands:\n{listed}\n\ncarillon COMMAND --help says more. Settings stand in .env.example.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=True,
    )
    parser.add_argument("command", help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
