import { entries } from './entry.js';

const SEE_STAGE = 'See the stage.';
const MEND_STAGE = 'Explain the stage: that tells how to mend it.';
const NEVER = 'This payload must never reach a hypervisor. Build it again.';

/** What Xen's rules, replayed on a model, say about an operation. */
export const VERDICT = entries({
  'would-be-refused': {
    severity: 'error',
    title: 'Xen would refuse it',
    what: 'The rules of this release, replayed on a model of the hypervisor, refuse the payload. The stage says where.',
    where: [],
    since: SEE_STAGE,
    mend: MEND_STAGE,
  },
  'would-be-refused-next': {
    severity: 'error',
    title: 'Xen would refuse it next',
    what: 'Xen stops at the first check that refuses. This one looks at something else in the payload, and would refuse once the first is satisfied. At most ten of one check are reported.',
    where: [],
    since: SEE_STAGE,
    mend: MEND_STAGE,
  },
  'would-be-fatal': {
    severity: 'error',
    title: 'Xen would not survive it',
    what: 'The hypervisor would read or write memory that is not mapped, or run into a BUG, and the host would be gone. Such a payload is never sent to a hypervisor.',
    where: [],
    since: SEE_STAGE,
    mend: NEVER,
  },
  'would-be-fatal-next': {
    severity: 'error',
    title: 'Xen would not survive it next',
    what: 'Xen stops at the first check that refuses. Once that one is satisfied, it would go on to memory that is not mapped, or to a BUG, and the host would be gone.',
    where: [],
    since: SEE_STAGE,
    mend: NEVER,
  },
  'unverified-payload': {
    severity: 'error',
    title: 'Malformed and not verified',
    what: 'The payload has an error, and without an image it is not known whether Xen refuses it or dies of it.',
    where: [],
    mend: 'What Xen would do with it could not be verified, and malformed payloads have killed hypervisors: nothing was changed. Build it again, or try it on an embedded hypervisor.',
  },
  'not-verified': {
    severity: 'error',
    title: 'No verdict',
    what: 'An image was given, and what its loader answers could not be computed. The message says why.',
    where: [],
    mend: 'Use the xen-syms of the same build. With --build-id instead of --image, only the chain is checked.',
  },
  'release-unknown': {
    severity: 'warning',
    title: 'Judged by the rules of another release',
    what: 'The release of the hypervisor is newer than the rules that this version of xsplice-ts knows. The newest known rules are taken.',
    where: [],
    mend: 'Update xsplice-ts, or name the release whose rules are to be used with --xen 4.N.',
  },
  'vendor-build': {
    severity: 'note',
    title: 'A build with rules that are assumed',
    what: 'By its version the hypervisor is a build of somebody else, such as XenServer or Qubes OS, which may have patches of its own. The rules of upstream and Debian are taken for it.',
    where: [],
    mend: 'Try the payload on a test machine with this very build first.',
  },
  'hypervisor-assumed': {
    severity: 'note',
    title: 'A hypervisor that is not at hand',
    what: 'No image of the hypervisor was given, only its release. Its loader is asked by the rules of that release; what needs the image is not known: each symbol that a payload needs is taken to be there, the code that it replaces is not looked at, and dangers that only the code shows are not found.',
    where: [],
    mend: 'Name the image (xen-syms of the same build), and all of it is asked.',
  },
  'unknown-release': {
    severity: 'error',
    title: 'Release without known rules',
    what: 'The rules of this release of Xen are not known to this version of xsplice-ts.',
    where: [],
    mend: 'Name the release whose rules are to be used with --xen 4.N.',
  },
});
