#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# Smoke suite of Raptor: are the app, its reads and its writes all right from outside?
# usage: RAPTOR_URL=https://... scripts/ci/run_smoke.sh --env=NAME
set -euo pipefail

usage() {
    echo "usage: RAPTOR_URL=https://... $0 --env=NAME" >&2
    exit 2
}

[[ $# -eq 1 && $1 == --env=?* ]] || usage
if [[ -z ${RAPTOR_URL:-} ]]; then
    echo "smoke: RAPTOR_URL is not set: where does Raptor answer?" >&2
    exit 2
fi

exec python3 "$(dirname "$0")/smoke.py" "${1#--env=}" "$RAPTOR_URL"
