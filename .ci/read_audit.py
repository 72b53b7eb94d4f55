"""Says what pip-audit has found in its JSON report; exits with 1 where something is vulnerable."""

import json
import sys
from pathlib import Path


def main(report: Path) -> int:
    """Print a line for each vulnerability, or how much could be looked up."""
    if not report.exists():
        print("not audited: the data on vulnerabilities cannot be reached from here")
        return 0
    dependencies = json.loads(report.read_text())["dependencies"]
    audited = [item for item in dependencies if "vulns" in item]
    found = [(item, vulnerability) for item in audited for vulnerability in item["vulns"]]
    for item, vulnerability in found:
        fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
        print(f"{item['name']} {item['version']}: {vulnerability['id']}, mended in {fixed}")
    print(f"{len(found)} flaws; {len(audited)} of {len(dependencies)} packages could be looked up")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
