#!/usr/bin/python
# Copyright: xsplice-ts developers
# MIT License (see LICENSE or https://opensource.org/license/mit)
"""Documentation of the action plugin of the same name: nothing of it runs on a host."""
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: livepatch_info
short_description: What live patches a Xen hypervisor has loaded
version_added: 0.1.0
description:
  - Asks the hypervisor what is loaded and in which order it is applied.
  - Runs C(xsplice-ts) on the controller; nothing is installed in dom0.
extends_documentation_fragment:
  - xsplice.xen.host
attributes:
  check_mode:
    description: It changes nothing.
    support: full
  diff_mode:
    description: It changes nothing.
    support: none
seealso:
  - module: xsplice.xen.livepatch
author:
  - xsplice-ts developers (@xsplice-ts)
"""

EXAMPLES = r"""
- name: What is applied
  xsplice.xen.livepatch_info:
  register: xen

- name: The fix of the day is there
  ansible.builtin.assert:
    that: "'xsa-999' in xen.stack"
"""

RETURN = r"""
host:
  description: The host as xsplice-ts was told it.
  returned: always
  type: str
hypervisor:
  description: Its build-id and version.
  returned: success
  type: dict
  sample: {buildId: 40c41dc1f35056f83d1d2f2fa149d83552f6fc3c, version: 4.17.7}
payloads:
  description: All that is loaded, as C(xsplice-ts list --json) has it.
  returned: success
  type: list
  elements: dict
stack:
  description: Names of the applied payloads, base first.
  returned: success
  type: list
  elements: str
  sample: [hello, bye]
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.arguments import HOST


def main():
    module = AnsibleModule(argument_spec=HOST, supports_check_mode=True)
    module.fail_json(msg='This runs on the controller, as an action plugin.')


if __name__ == '__main__':
    main()
