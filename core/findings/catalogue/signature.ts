import { entries } from './entry.js';

const SIGN_OR_TRUST =
  'Get the payload from those who make it; or have them sign this very file, and trust their key with --trusted-key or in the policy.';
const ASK = 'Ask who keeps the policy of this host.';

/** Who made a payload, and what a host's policy says. Xen itself looks at neither. */
export const SIGNATURE = entries({
  'not-signed': {
    severity: 'error',
    title: 'Not signed',
    what: 'A signature is required, and the payload has none: neither at its end nor in a .minisig or .sig file beside it.',
    where: [],
    mend: SIGN_OR_TRUST,
  },
  'signature-wrong': {
    severity: 'error',
    title: 'Signature does not fit',
    what: 'The signature names a trusted key, and that key did not sign these bytes: payload or signature were changed.',
    where: [],
    mend: 'Do not use this file. Get payload and signature again from those who make them.',
  },
  'signature-untrusted': {
    severity: 'error',
    title: 'Signed by somebody else',
    what: 'The payload is signed, and by none of the keys that are trusted.',
    where: [],
    mend: SIGN_OR_TRUST,
  },
  'signature-damaged': {
    severity: 'error',
    title: 'Signature cannot be read',
    what: 'What is taken for a signature is none that is known: minisign, signify, 64 bytes of Ed25519, or CMS at the end of the payload.',
    where: [],
    mend: 'Get the signature again.',
  },
  'signature-unknown': {
    severity: 'error',
    title: 'Not known whether it is signed',
    what: 'The payload is loaded already, and the hypervisor does not give its bytes back: what was signed cannot be compared with them.',
    where: [],
    mend: 'Unload it, and apply the file.',
  },
  'policy-blocks': {
    severity: 'error',
    title: 'Blocked by the policy',
    what: 'The policy of the host names this payload among those that must not be used.',
    where: [],
    mend: ASK,
  },
  'policy-not-allowed': {
    severity: 'error',
    title: 'Not allowed by the policy',
    what: 'The policy of the host names the payloads that may be used, and this is none of them.',
    where: [],
    mend: ASK,
  },
  'policy-forbids-accept': {
    severity: 'error',
    title: 'May not be accepted',
    what: 'The policy of the host says that this danger is never let pass.',
    where: [],
    mend: ASK,
  },
  'refused-by-policy': {
    severity: 'error',
    title: 'Refused by policy or signature',
    what: 'Something about a payload is not as the policy of the host, or --trusted-key, wants it.',
    where: [],
    mend: 'Look at the findings: each names the rule.',
  },
  'policy-invalid': {
    severity: 'error',
    title: 'Policy not valid',
    what: 'The policy of the host cannot be read, or has a mistake. What it meant to forbid is not known, so nothing is changed.',
    where: [],
    mend: 'Mend the line that is named.',
  },
  'key-invalid': {
    severity: 'error',
    title: 'No key',
    what: 'A key file holds no key of a kind that is known.',
    where: [],
    mend: 'Give a public key of minisign or signify, an Ed25519 key in PEM, or an X.509 certificate; to sign, the secret key.',
  },
  'wrong-password': {
    severity: 'error',
    title: 'Wrong password',
    what: 'The secret key is kept under another password, or its file is damaged.',
    where: [],
    mend: 'Give the file with the password with --password-file.',
  },
});
