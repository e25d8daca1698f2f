-- SPDX-FileCopyrightText: 2026 Raxx
-- SPDX-License-Identifier: BSD-2-Clause
CREATE TABLE admins (
    id bigserial PRIMARY KEY,
    email text NOT NULL UNIQUE
);
CREATE TABLE rbac_groups (
    id bigserial PRIMARY KEY,
    name text NOT NULL UNIQUE
);
CREATE TABLE rbac_user_groups (
    user_id bigint NOT NULL REFERENCES admins (id),
    group_id bigint NOT NULL REFERENCES rbac_groups (id),
    granted_at timestamptz NOT NULL DEFAULT now(),
    granted_by bigint REFERENCES admins (id),
    PRIMARY KEY (user_id, group_id)
);
CREATE TABLE admin_sessions (
    id bigserial PRIMARY KEY,
    admin_id bigint NOT NULL REFERENCES admins (id),
    started_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz,
    user_agent text,
    revoked_at timestamptz
);
