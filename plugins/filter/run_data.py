# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.raxx.deprovision.plugins.module_utils import _run_data


class FilterModule:
    """Filters of the collection's own playbooks; each is documented by the YAML file of its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {
            "app_list": _run_data.app_list,
            "apps_in_charge": _run_data.apps_in_charge,
            "audit_row_facts": _run_data.audit_row_facts,
            "audit_rows": _run_data.audit_rows,
            "closing_facts": _run_data.closing_facts,
            "config_values": _run_data.config_values,
            "consoles_to_lock": _run_data.consoles_to_lock,
            "credential_list": _run_data.credential_list,
            "distribution_facts": _run_data.distribution_facts,
            "failed_apps": _run_data.failed_apps,
            "failure_of": _run_data.failure_of,
            "failures": _run_data.failures,
            "rollback_outcome": _run_data.rollback_outcome,
            "unproved_credentials": _run_data.unproved_credentials,
            "found_again": _run_data.found_again,
            "given": _run_data.given,
            "leased_credentials": _run_data.leased_credentials,
            "lockout_facts": _run_data.lockout_facts,
            "old_urls": _run_data.old_urls,
            "plan_targets": _run_data.plan_targets,
            "proof_facts": _run_data.proof_facts,
            "recheck_facts": _run_data.recheck_facts,
            "rotation_intent": _run_data.rotation_intent,
            "scope": _run_data.scope,
            "ticket_facts": _run_data.ticket_facts,
            "tickets_in_debt": _run_data.tickets_in_debt,
            "tickets_to_close": _run_data.tickets_to_close,
            "tickets_to_open": _run_data.tickets_to_open,
            "verifications": _run_data.verifications,
            "without_ledger": _run_data.without_ledger,
        }
