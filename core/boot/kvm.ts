import { accessSync, constants } from 'node:fs';

/** True where this user may open /dev/kvm. That it then works is not said. */
export function isKvmUsable(): boolean {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
