# Copyright: xsplice-ts developers
# MIT License (see LICENSE or https://opensource.org/license/mit)
"""Which hypervisor, and which program asks it: options of both modules."""
from __future__ import absolute_import, division, print_function

__metaclass__ = type


class ModuleDocFragment(object):
    DOCUMENTATION = r"""
options:
  host:
    description: What C(--host) is given. By default it is made of the connection variables of the host.
    type: str
  executable:
    description: The program on the controller, with arguments if need be.
    type: list
    elements: str
    default: [xsplice-ts]
"""
