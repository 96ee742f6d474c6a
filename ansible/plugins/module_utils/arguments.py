# Copyright: xsplice-ts developers
# MIT License (see LICENSE or https://opensource.org/license/mit)
"""What livepatch and livepatch_info take, for their plugins and their documentation alike."""
from __future__ import absolute_import, division, print_function

__metaclass__ = type

# Which hypervisor, and which program asks it.
HOST = dict(
    host=dict(type='str'),
    executable=dict(type='list', elements='str', default=['xsplice-ts']),
)

LIVEPATCH = dict(
    HOST,
    state=dict(type='str', choices=['applied', 'reverted', 'replaced'], default='applied'),
    payloads=dict(type='list', elements='path', default=[]),
    to=dict(type='str'),
    check=dict(type='str', choices=['build-id', 'old-code', 'both']),
    mode=dict(type='str', choices=['chain', 'alternatives', 'independent']),
    image=dict(type='path'),
    xen=dict(type='str'),
    accept=dict(type='list', elements='str', default=[]),
    policy=dict(type='path'),
    trusted_keys=dict(type='list', elements='path', default=[], no_log=False),
    timeout=dict(type='float'),
)
