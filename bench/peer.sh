#!/usr/bin/env bash
# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
# The manual procedure of docs/runbook.md, typed by somebody who never has to think, with the tools that it names.
# usage: peer.sh EMAIL LOG_WINDOW_SECONDS     (in a shell that has loaded `python -m sandbox env`)
set -euo pipefail

email=$1 window=$2
api=raxx-api-sandbox console_app=raxx-console-sandbox
parameter=/raxx/sandbox/raptor/AUDIT_ARCHIVER_DB_URL
smoke=(sandbox/raptor/scripts/ci/run_smoke.sh --env=sandbox)
event="DEPROV-$(date -u +%F)-${email%%@*}"
started=$(date -u +%FT%TZ)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

sql() { # sql URL STATEMENT
    psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --command "$2" "$1"
}
desk() { # desk METHOD PATH BODY [OPTION ...]
    curl --fail --silent --show-error --request "$1" "$FREESCOUT_URL/api/$2" \
        --header "X-FreeScout-API-Key: $FREESCOUT_API_KEY" --header 'Content-Type: application/json' --data "$3" "${@:4}"
}
url_of() { # url_of CREDENTIAL
    heroku pg:credentials:url DATABASE --name "$1" --app "$api" | grep --only-matching "postgres://$1:[^ ]*"
}
rotate() { # rotate CREDENTIAL: forced, for otherwise it waits up to 30 minutes for the connections of the app
    heroku pg:credentials:rotate DATABASE --name "$1" --app "$api" --confirm "$api" --force >&2
}
refused() { # refused URL: whether the server refuses the password
    ! PGCONNECT_TIMEOUT=10 sql "$1" 'SELECT 1' 2>&1 | grep --quiet --invert-match 'password authentication failed'
}

# P2, P3, P1, P4
operator=$(heroku auth:whoami)
aws sts get-caller-identity >&2
console=$(heroku config:get DATABASE_URL --app "$console_app")
[[ $(sql "$console" "SELECT count(*) FROM rbac_user_groups m JOIN rbac_groups g ON g.id = m.group_id JOIN admins a ON a.id = m.user_id
    WHERE a.email = '$operator' AND g.name = 'superadmin'") -eq 1 ]]
ticket=$(desk POST conversations "{\"type\": \"email\", \"mailboxId\": $FREESCOUT_MAILBOX_ID, \"subject\": \"$event\",
    \"customer\": {\"email\": \"people-ops@raxx.example\"}, \"imported\": true, \"status\": \"active\",
    \"threads\": [{\"type\": \"note\", \"text\": \"Access removal of $email was begun.\", \"user\": $FREESCOUT_USER_ID}]}" \
    --output /dev/null --write-out '%header{resource-id}')

# 1a, 1b, C1
who="(SELECT id FROM admins WHERE lower(email) = '$email')"
sql "$console" "DELETE FROM rbac_user_groups WHERE user_id = $who"
sql "$console" "UPDATE admin_sessions SET revoked_at = now() WHERE admin_id = $who AND revoked_at IS NULL"
[[ $(sql "$console" "SELECT (SELECT count(*) FROM rbac_user_groups WHERE user_id = $who)
    + (SELECT count(*) FROM admin_sessions WHERE admin_id = $who AND revoked_at IS NULL)") -eq 0 ]]

# 2a, 2b
old_app=$(url_of raptor_app)
rotate raptor_app
until new_app=$(url_of raptor_app) && [[ $new_app != "$old_app" ]]; do sleep 1; done
curl --fail --silent --show-error --output /dev/null --request PATCH "$INFISICAL_URL/api/v3/secrets/raw/RAPTOR_APP_DB_URL" \
    --header "Authorization: Bearer $INFISICAL_TOKEN" --header 'Content-Type: application/json' \
    --data "{\"workspaceId\": \"$INFISICAL_WORKSPACE_ID\", \"environment\": \"sandbox\", \"secretPath\": \"/raxx/sandbox/raptor\",
        \"secretValue\": \"$new_app\"}"

# 2c, 2d, C2
heroku config:set "RAPTOR_APP_DATABASE_URL=$new_app" --app "$api" >&2
heroku ps:restart --app "$api" >&2
heroku ps:wait --app "$api" >&2
restarted=$SECONDS restarted_at=$(date -u +%FT%T)
"${smoke[@]}" >&2
heroku logs --num 1500 --app "$api" >"$log"
grep --quiet 'State changed from starting to up' "$log"
refused "$old_app"

# 3a, 3b, 3c, C3
old_archiver=$(url_of audit_archiver)
rotate audit_archiver
until new_archiver=$(url_of audit_archiver) && [[ $new_archiver != "$old_archiver" ]]; do sleep 1; done
aws ssm put-parameter --name "$parameter" --type SecureString --overwrite --value "$new_archiver" >&2
[[ $(aws ssm get-parameter --name "$parameter" --with-decryption --query Parameter.Value --output text) == postgres://audit_archiver:* ]]
heroku config:set "AUDIT_ARCHIVER_DB_URL=$new_archiver" --app "$api" >&2
heroku run 'python jobs/audit_archiver.py --dry-run' --app "$api" --exit-code >&2
refused "$old_archiver"

# 4, C4: the rest of the window
left=$((window - SECONDS + restarted))
if ((left > 0)); then sleep "$left"; fi
"${smoke[@]}" >&2
heroku logs --num 1500 --app "$api" >"$log"
# One refusal is the operator's own, from the proof that the old password is dead.
[[ $(awk -v since="$restarted_at" '$1 >= since && /password authentication failed for user "raptor_app"/' "$log" | wc -l) -le 1 ]]

# 5, C5
[[ $(sql "$console" "SELECT count(*) FROM admin_sessions WHERE admin_id = $who AND revoked_at IS NULL") -eq 0 ]]

# 6, C6
owner=$(heroku config:get DATABASE_URL --app "$api")
ended=$(date -u +%FT%TZ)
sql "$owner" "INSERT INTO audit_archival_runs (run_type, operator_email, freescout_ticket_id, notes, completed_at)
    VALUES ('deprovisioning', '$operator', '$ticket', '$email: steps 1 to 6, $started to $ended', now())"

# 7
desk POST "conversations/$ticket/threads" "{\"type\": \"note\", \"text\": \"Done: $started to $ended.\", \"user\": $FREESCOUT_USER_ID}" >&2
desk PUT "conversations/$ticket" "{\"byUser\": $FREESCOUT_USER_ID, \"status\": \"closed\"}" >&2
