/** Why something is refused, fatal or dangerous, and what to do about it: what --explain shows. */
export interface Explanation {
  /** What Xen checks there, or what happens. One to three sentences. */
  readonly what: string;
  /** Functions of Xen and their files. Empty for what Xen does not look at. */
  readonly where: readonly string[];
  /** Releases, backports included: when it began and what changed. */
  readonly since: string;
  /** How to mend the payload, or what to do instead. */
  readonly mend: string;
}
