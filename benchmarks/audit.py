"""Whether a known vulnerability is among the installed packages, by pip-audit.

    python -m benchmarks.audit

Fails when one is found. Without a way to the database of advisories it says that nothing was audited.
"""

import json
import subprocess
import sys


def judged(said: str, problem: str) -> tuple[int, str]:
    """Return the exit code and the words for what pip-audit printed as JSON and on stderr."""
    try:
        packages = json.loads(said)["dependencies"]
    except (ValueError, KeyError):
        last = (problem.strip().splitlines() or ["pip-audit said nothing"])[-1]
        return 0, f"could not reach the advisory database: not audited ({last[:200]})"
    audited = [p for p in packages if "vulns" in p]
    found = [
        f"{p['name']} {p['version']}: {v['id']}, fixed in {', '.join(v['fix_versions']) or 'no release'}"
        for p in audited
        for v in p["vulns"]
    ]
    if found:
        return 1, "\n".join(found)
    if not audited:
        return 0, "could not reach the advisory database: not audited"
    skipped = len(packages) - len(audited)
    return 0, f"{len(audited)} packages audited, no known vulnerability; {skipped} not audited"


def main() -> int:
    """Audit the packages of this environment."""
    command = [sys.executable, "-m", "pip_audit", "--local", "-f", "json"]
    done = subprocess.run(
        [*command, "--progress-spinner", "off", "--timeout", "10"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    code, words = judged(done.stdout, done.stderr)
    print(f"audit: {words}")
    return code


if __name__ == "__main__":
    sys.exit(main())
