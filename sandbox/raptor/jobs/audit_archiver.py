# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""Archives old audit events: writes them as JSON lines to standard output, from where the log drain takes them.

usage: python jobs/audit_archiver.py [--dry-run]     (--dry-run logs in and counts, and writes nothing)
"""

from __future__ import annotations

import argparse
import json
import os
import sys

import psycopg2

ARCHIVABLE = "FROM audit_events WHERE occurred_at < now() - interval '90 days'"


def archive(url: str, *, dry_run: bool) -> int:
    """How many events are archivable; writes them unless `dry_run`."""
    link = psycopg2.connect(url, sslmode="require", connect_timeout=10, application_name="audit_archiver")
    try:
        with link.cursor() as cursor:
            if dry_run:
                cursor.execute(f"SELECT count(*) {ARCHIVABLE}")
                return int(cursor.fetchall()[0][0])
            cursor.execute(f"SELECT id, occurred_at::text, actor, action {ARCHIVABLE} ORDER BY id")
            rows = cursor.fetchall()
            for row in rows:
                print(json.dumps(dict(zip(("id", "occurred_at", "actor", "action"), row, strict=True))))
            return len(rows)
    finally:
        link.close()


def main() -> int:
    parser = argparse.ArgumentParser(description="Archive old audit events.")
    parser.add_argument("--dry-run", action="store_true")
    dry_run = parser.parse_args().dry_run
    url = os.environ.get("AUDIT_ARCHIVER_DB_URL")
    if not url:
        print("audit_archiver: AUDIT_ARCHIVER_DB_URL is not set", file=sys.stderr)
        return 1
    try:
        count = archive(url, dry_run=dry_run)
    except psycopg2.Error as error:
        print(f"audit_archiver: failed: {str(error).strip().splitlines()[0]}", file=sys.stderr)
        return 1
    print(f"audit_archiver: {count} events {'would be archived (dry run)' if dry_run else 'archived'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
