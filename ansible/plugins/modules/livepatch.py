#!/usr/bin/python
# Copyright: xsplice-ts developers
# MIT License (see LICENSE or https://opensource.org/license/mit)
"""Documentation of the action plugin of the same name: nothing of it runs on a host."""
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: livepatch
short_description: Bring the live patches of a Xen hypervisor to what is wanted
version_added: 0.1.0
description:
  - Plans, verifies and carries out what it takes to have payloads applied, reverted or replaced, in the right order.
  - Runs C(xsplice-ts) on the controller, which reaches dom0 by ssh and sends a small agent along. Nothing is
    installed there, and the Python that Ansible wants on a target is not needed.
options:
  state:
    description:
      - With V(applied) the payloads are applied, on what is applied already.
      - With V(reverted) nothing is applied any more, or nothing above O(to).
      - With V(replaced) only this one (cumulative) payload is applied.
    type: str
    choices: [applied, reverted, replaced]
    default: applied
  payloads:
    description: Payload files or folders on the controller, in any order; relative ones as M(ansible.builtin.copy) finds them.
    type: list
    elements: path
    default: []
  to:
    description: With O(state=reverted), what is to be on top. A name, a build-id, or V(base), which is the default.
    type: str
  check:
    description: What has to fit before a payload is applied.
    type: str
    choices: [build-id, old-code, both]
  mode:
    description: What several payloads are to each other.
    type: str
    choices: [chain, alternatives, independent]
  image:
    description: The image that the hypervisor was booted from, to verify the plan with.
    type: path
  xen:
    description: The release of Xen whose rules count.
    type: str
  accept:
    description: Dangers to let pass, as C(CODE) or C(CODE=NAME).
    type: list
    elements: str
    default: []
  policy:
    description: A policy on the controller that has to be kept, beside that of the controller itself.
    type: path
  trusted_keys:
    description: Only payloads that one of these keys signed.
    type: list
    elements: path
    default: []
  timeout:
    description: Milliseconds for all CPUs to meet in one action.
    type: float
extends_documentation_fragment:
  - xsplice.xen.host
attributes:
  check_mode:
    description: Verifies the plan, and says what would change.
    support: full
  diff_mode:
    description: The stack before and after.
    support: full
seealso:
  - module: xsplice.xen.livepatch_info
author:
  - xsplice-ts developers (@xsplice-ts)
"""

EXAMPLES = r"""
- name: The fixes of this release are applied
  xsplice.xen.livepatch:
    payloads: [patches/4.17/]

- name: Only the newest cumulative payload is applied, and only if our key signed it
  xsplice.xen.livepatch:
    state: replaced
    payloads: [lp_4.17.4-1-4.17.4-6.livepatch]
    trusted_keys: [release.pub]

- name: Nothing is applied any more
  xsplice.xen.livepatch:
    state: reverted
"""

RETURN = r"""
host:
  description: The host as xsplice-ts was told it.
  returned: always
  type: str
  sample: ssh://root@dom0
steps:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: dict
  sample: [{action: apply, name: hello, reason: builds on the hypervisor}]
before:
  description: Names of the payloads that were applied, base first.
  returned: success
  type: list
  elements: str
stack:
  description: Names of those that are applied afterwards, as observed; in check mode, those that would be.
  returned: success
  type: list
  elements: str
  sample: [hello, bye]
code:
  description: Why it failed, as C(xsplice-ts explain) takes it.
  returned: failure
  type: str
  sample: would-be-refused
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.arguments import LIVEPATCH


def main():
    module = AnsibleModule(argument_spec=LIVEPATCH, supports_check_mode=True)
    module.fail_json(msg='This runs on the controller, as an action plugin.')


if __name__ == '__main__':
    main()
