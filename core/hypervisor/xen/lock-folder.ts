/** Below /run, as the notes: a boot begins anew. */
export const LOCK_FOLDER = '/run/xsplice-ts';
