-- SPDX-FileCopyrightText: 2026 Raxx
-- SPDX-License-Identifier: BSD-2-Clause
CREATE TABLE audit_events (
    id bigserial PRIMARY KEY,
    occurred_at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    action text NOT NULL
);
CREATE TABLE audit_archival_runs (
    id bigserial PRIMARY KEY,
    run_type text NOT NULL,
    operator_email text NOT NULL,
    freescout_ticket_id text,
    notes text,
    completed_at timestamptz DEFAULT now()
);
