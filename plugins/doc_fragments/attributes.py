# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of modules, and a note on the failed result that all of them share (there are no fragments for RETURN)."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
  diff_mode:
    description: Returns details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
  action_group:
    description:
      - Use C(group/raxx.deprovision.NAME) in C(module_defaults) to set the options of a system once for all its modules.
      - NAME is the prefix of those options, C(heroku), C(database), C(infisical), C(aws), C(freescout) or
        C(ledger).
    support: full
notes:
  - A failed result holds C(failure) beside C(msg), so that a playbook can act on the kind of failure. It is a dictionary with
    C(code) (one of the stable codes of the collection), C(system), C(status) (HTTP status or V(null)), C(request_id),
    C(retryable) (the same call may simply be made again), C(outcome_unknown) (the call may have been carried out all the same),
    C(next_step) (a sentence for the operator) and C(details) (facts that depend on the code, never a secret).
"""

    # A module that changes something, and really is idempotent.
    STATE = r"""
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
"""

    # A module that only reads.
    READ_ONLY = r"""
attributes:
  check_mode:
    support: full
    details:
      - This module only reads; it does the same in check mode.
  diff_mode:
    support: N/A
    details:
      - This module changes nothing.
  idempotent:
    support: full
    details:
      - This module changes nothing.
"""
