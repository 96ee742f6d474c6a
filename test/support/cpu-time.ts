/**
 * Milliseconds that this process has computed so far. Differences tell how much work something is; a
 * clock would tell how busy the machine is as well.
 */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
