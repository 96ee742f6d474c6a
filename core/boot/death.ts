/** What Xen or dom0's kernel prints when it is over. */
const DEATH = [
  /FATAL PAGE FAULT/,
  /FATAL TRAP/,
  /\*\*\* DOUBLE FAULT \*\*\*/,
  /^\(XEN\) Panic on CPU/m,
  /Xen BUG at/,
  /Reboot in (five|ten) seconds/,
  /Hardware Dom0 (crashed|halted with)/,
  /Kernel panic - not syncing/,
];

/** The line of a console that says that Xen or dom0's kernel is dead; null while they live. */
export function signOfDeath(text: string): string | null {
  for (const pattern of DEATH) {
    const match = pattern.exec(text);
    if (!match) continue;
    const start = text.lastIndexOf('\n', match.index) + 1;
    return text.slice(start, text.indexOf('\n', match.index) >>> 0).trim();
  }
  return null;
}
